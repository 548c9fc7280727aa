"""The read model `top_sellers`: its fold without a server, its commands in the real Redis."""

from typing import Any, cast

from redis.asyncio import Redis
from uuid_utils.compat import uuid4

from event_schemas.record import Recorded
from infra.settings import Settings
from projectors.read_models.top_sellers import apply
from tests.projectors.log import Log, cancelled, confirmed, placed


def test_increments_are_folded_per_key_and_product() -> None:
    log = Log()
    events = [log.add(placed("o1", {"A": 2})), log.add(confirmed("o1", {"A": 2})), log.add(confirmed("o2", {"A": 3}))]
    assert [command.args for command in apply(events)] == [
        ("ZINCRBY", "top:sale:all", 5, "p-A"),
        ("ZINCRBY", "top:sale:day:20110301", 5, "p-A"),
        ("ZREMRANGEBYSCORE", "top:sale:all", 0, 0),
        ("ZREMRANGEBYSCORE", "top:sale:day:20110301", 0, 0),
    ]


def test_what_was_sold_and_taken_back_in_one_batch_leaves_no_member() -> None:
    log = Log()
    events = [log.add(confirmed("o1", {"A": 2})), log.add(cancelled("o1", {"A": 2}))]
    assert apply(events) == []


async def test_sorted_sets_are_the_same_for_batches_of_any_size(settings: Settings) -> None:
    log = Log()
    events = [
        log.add(confirmed("o1", {"A": 2, "B": 9})),
        log.add(confirmed("o2", {"A": 3})),
        log.add(cancelled("o1", {"A": 2, "B": 9})),
    ]
    found = [await _fill(settings.redis_address, events, size) for size in (1, 2, 3)]
    assert found[0] == {"top:sale:all": [(b"p-A", 3.0)], "top:sale:day:20110301": [(b"p-A", 3.0)]}
    assert found[0] == found[1] == found[2]


async def test_a_cancellation_whose_confirmation_was_given_up_comes_to_the_same_whenever_it_is_applied(
    settings: Settings,
) -> None:
    log = Log()
    void = log.add(cancelled("o1", {"A": 2, "B": 4}))
    sold = [log.add(confirmed("o2", {"A": 1, "B": 4})), log.add(confirmed("o3", {"A": 3}))]
    orders = [[void, *sold], [sold[0], void, sold[1]], [*sold, void]]
    found = [await _fill(settings.redis_address, events, size) for events in orders for size in (1, 3)]
    assert found[0]["top:sale:all"] == [(b"p-A", 2.0)]
    assert all(one == found[0] for one in found)


async def _fill(url: str, events: list[Recorded], size: int) -> dict[str, list[tuple[bytes, float]]]:
    prefix = f"test:{uuid4().hex}:"
    keys = ("top:sale:all", "top:sale:day:20110301")
    client = Redis.from_url(url)
    try:
        for start in range(0, len(events), size):
            for command in apply(events[start : start + size]):
                name, key, *rest = command.args
                await cast(Any, client).execute_command(name, f"{prefix}{key}", *rest)
        return {key: await cast(Any, client).zrange(f"{prefix}{key}", 0, -1, withscores=True) for key in keys}
    finally:
        await client.delete(*(f"{prefix}{key}" for key in keys))
        await client.aclose()
