"""The streams' process over real servers: exact sums after a quiet end, whatever was killed, by business time alone."""

import asyncio
import random
import signal
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import permutations

import pytest
from redis.asyncio import Redis

from event_schemas.event import Event
from projectors.streams.process import FAILED
from tests.projectors.log import cancelled, confirmed
from tests.streams.conftest import PARTITIONS, Streams
from tests.support.log import entry
from tests.support.poll import until
from tests.support.running import running

PRODUCTS = [f"S{number}" for number in range(12)]


class Shop:
    """Orders at random with what they should come to; from a seed."""

    def __init__(self, seed: int) -> None:
        self.sold: Counter[str] = Counter()
        self.together: Counter[tuple[str, str]] = Counter()
        self._random = random.Random(seed)
        self._number = 0

    def orders(self, count: int) -> list[tuple[str, Event]]:
        """So many orders of a few minutes ago; every tenth is called off at once."""
        made: list[tuple[str, Event]] = []
        for _ in range(count):
            self._number += 1
            key = f"order-{self._number}"
            lines = {
                sku: self._random.randint(1, 5) for sku in self._random.sample(PRODUCTS, self._random.randint(1, 4))
            }
            at = datetime.now(UTC) - timedelta(minutes=self._random.randint(0, 9))
            made.append((key, confirmed(key, lines, at=at)))
            if self._random.random() < 0.1:
                made.append((key, cancelled(key, lines, at=at)))
                continue
            self.sold.update({f"p-{sku}": quantity for sku, quantity in lines.items()})
            self.together.update(permutations((f"p-{sku}" for sku in lines), 2))
        return made

    async def equals(self, streams: Streams) -> None:
        """Asserts that every window and all partners are exactly what they should be."""
        for window in ("1h", "24h", "7d", "30d"):
            assert await streams.scores(f"now:{window}") == self.sold
        for product in (f"p-{sku}" for sku in PRODUCTS):
            expected = {other: count for (one, other), count in self.together.items() if one == product}
            assert await streams.scores(f"also:{product}") == expected


def more_than(before: int, positions: list[int]) -> bool:
    return sum(positions) > before


async def test_after_a_quiet_end_the_figures_equal_an_exact_sum(streams: Streams) -> None:
    shop = Shop(1)
    await streams.start()
    for _ in range(5):
        for partition in range(PARTITIONS):
            await streams.append(partition, shop.orders(300))
    await streams.caught_up()
    await shop.equals(streams)
    assert await streams.end(signal.SIGTERM) == 0


async def test_killed_again_and_again_it_recovers_and_counts_nothing_twice_and_loses_nothing(streams: Streams) -> None:
    shop = Shop(2)
    async with running(never_go_back(streams)):
        for _ in range(3):
            await streams.start()
            before = sum(await streams.positions())
            for partition in range(PARTITIONS):
                await streams.append(partition, shop.orders(2_000))
            await until(streams.positions, partial(more_than, before), 60)
            assert await streams.end(signal.SIGKILL) == -signal.SIGKILL
        await streams.start()
        await streams.caught_up()
    await shop.equals(streams)


async def never_go_back(streams: Streams) -> None:
    """Fails when what is published is older than what was published before."""
    highest = [0] * PARTITIONS
    while True:
        found = await streams.positions()
        assert all(now >= before for now, before in zip(found, highest, strict=True)), (found, highest)
        highest = found
        await asyncio.sleep(0.05)


async def test_records_that_never_happened_and_records_without_an_event_change_nothing(streams: Streams) -> None:
    shop = Shop(3)
    await streams.start()
    await streams.append(0, shop.orders(50))
    await streams.writer.claim(0, epoch=2)
    zombie = [entry(confirmed("late", {"S1": 99}), "late", writer="writer-1", epoch=1) for _ in range(10)]
    stranger = [entry(confirmed("strange", {"S1": 99}), "strange", writer="nobody", epoch=7)]
    await streams.writer.append_raw(0, [*zombie, *stranger])
    await streams.append(0, shop.orders(50))
    await streams.end()
    await streams.start()
    await streams.append(0, shop.orders(50))
    await streams.caught_up()
    await shop.equals(streams)


async def test_history_and_late_events_count_at_their_business_time(streams: Streams) -> None:
    now = datetime.now(UTC)
    ages = {"S1": timedelta(minutes=5), "S2": timedelta(hours=5), "S3": timedelta(days=3), "S4": timedelta(days=20)}
    told: list[tuple[str, Event]] = [
        (sku, confirmed(sku, {sku: 2}, at=now - age)) for sku, age in reversed(ages.items())
    ]
    told.append(("old", confirmed("old", {"S5": 7, "S6": 1}, at=datetime(2010, 12, 1, tzinfo=UTC))))
    told.append(("future", confirmed("future", {"S7": 7}, at=now + timedelta(hours=30))))
    await streams.start()
    await streams.append(1, told)
    await streams.caught_up()
    shown = {window: set(await streams.scores(f"now:{window}")) for window in ("1h", "24h", "7d", "30d")}
    assert shown == {
        "1h": {"p-S1"},
        "24h": {"p-S1", "p-S2"},
        "7d": {"p-S1", "p-S2", "p-S3"},
        "30d": {"p-S1", "p-S2", "p-S3", "p-S4"},
    }
    assert await streams.scores("also:p-S5") == {"p-S6": 1}


async def test_what_redis_has_lost_is_published_again(streams: Streams, redis: Redis) -> None:
    shop = Shop(4)
    await streams.start()
    await streams.append(0, shop.orders(200))
    await streams.caught_up()
    async for key in redis.scan_iter(f"{streams.name}:*"):
        await redis.delete(key)
    await streams.caught_up()
    await shop.equals(streams)


async def test_an_event_that_cannot_be_read_is_passed_over_and_told(streams: Streams) -> None:
    shop = Shop(5)
    await streams.start()
    broken = entry(confirmed("broken", {"S1": 1}), "broken", writer="writer-1", epoch=1)._replace(value=b"not json")
    await streams.writer.append_raw(0, [broken])
    await streams.append(0, shop.orders(20))
    await streams.caught_up()
    await shop.equals(streams)
    assert await streams.get("/ready") == (200, {"status": "ready", "alarms": {"undecodable events": 1}})


@pytest.mark.parametrize("committed", ["before", "beyond"])
async def test_a_committed_offset_that_is_wrong_changes_nothing(streams: Streams, committed: str) -> None:
    shop = Shop(6)
    await streams.start()
    await streams.append(0, shop.orders(100))
    await streams.caught_up()
    await streams.end()
    await streams.append(0, shop.orders(100))
    await streams.commit(0, 0 if committed == "before" else streams.ends[0])
    await streams.append(0, shop.orders(100))
    await streams.start()
    await streams.caught_up()
    await shop.equals(streams)


async def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(streams: Streams) -> None:
    shop = Shop(7)
    await streams.start(0)
    await streams.start(1)
    await until(partial(shares, streams), lambda found: found == [1, 1], 60)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(200))
    await streams.end(number=1)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(200))
    await streams.caught_up()
    await shop.equals(streams)


async def test_a_worker_that_was_paused_while_another_took_over_ends_itself_and_changes_nothing(
    streams: Streams,
) -> None:
    shop = Shop(8)
    await streams.start(0)
    await streams.start(1)
    await until(partial(shares, streams), lambda found: found == [1, 1], 60)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    streams.send(signal.SIGSTOP, 0)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    await streams.caught_up()
    await shop.equals(streams)
    streams.send(signal.SIGCONT, 0)
    assert await streams.ended(0) == FAILED
    await streams.start(0)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    await streams.caught_up()
    await streams.end(number=1)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    await streams.caught_up()
    await shop.equals(streams)


async def shares(streams: Streams) -> list[int]:
    """How many partitions each of two workers has."""
    found = [await streams.get("/positions", number) for number in (0, 1)]
    return [len(body["partitions"]) if status == 200 else 0 for status, body in found]
