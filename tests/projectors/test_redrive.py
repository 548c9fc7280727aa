"""Parked records are retried after a fix: in their order, in part where one fails again, beside a running worker."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

import orjson
import pytest

from event_schemas.record import Recorded
from event_schemas.stock import StockReceived
from infra.log_batch import START
from infra.log_reader import LogReader
from projectors.dead_letters.redrive import Redriven, retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.engine.status import Status
from projectors.stores.sorting import Decoder
from projectors.stores.store import NotCommitted, SwitchUnderWay
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


def _fix(bench: Bench) -> None:
    """From here on the reference `explode` is no reason to fail."""
    broken = cast(Any, bench.projection.apply)

    def apply(events: Sequence[Recorded]) -> Any:
        return broken([one._replace(event=_mended(one.event)) for one in events])

    bench.projection = bench.projection._replace(apply=apply)


def _mended(event: Any) -> Any:
    return event.model_copy(update={"reference": None}) if isinstance(event, StockReceived) else event


async def _apply_all(bench: Bench) -> None:
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))


async def _retry(bench: Bench, key: str | None = None) -> Redriven:
    return await retry(redrive_of(bench.pool, bench.redis, bench.projection, Decoder(0), "staff:test"), key)


async def _parked_keys(status: Status) -> frozenset[str]:
    return status.parked.keys


async def _position(bench: Bench) -> int:
    loaded = await (await bench.worker()).load(PARTITIONS)
    return loaded.standings[0].position.next_offset


async def _audit(bench: Bench) -> list[tuple[str, str, int, Any]]:
    rows = await bench.pool.fetch(
        "SELECT actor, action, partition, outcome FROM stockroom.audit WHERE projection = $1 ORDER BY id",
        bench.projection.name,
    )
    return [(row["actor"], row["action"], row["partition"], orjson.loads(row["outcome"])) for row in rows]


@both_stores
async def test_after_a_fix_a_retry_applies_all_that_is_parked_and_the_key_goes_on(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", reference="explode"), received("b"), received("a", 5)])
    await bench.writer.append(2, [received("c", 2, reference="explode"), received("c", 3)])
    await _apply_all(bench)
    assert await bench.totals() == {"b": 1}
    _fix(bench)
    assert await _retry(bench) == Redriven(done=4, failed=0, waiting=0)
    assert await bench.totals() == {"a": 6, "b": 1, "c": 5}
    assert await bench.parked() == []
    assert await _audit(bench) == [
        ("staff:test", "retry", 0, {"applied": [1, 3], "failed": {}}),
        ("staff:test", "retry", 2, {"applied": [1, 2], "failed": {}}),
    ]
    await bench.writer.append(0, [received("a")])
    await _apply_all(bench)
    assert await bench.totals() == {"a": 7, "b": 1, "c": 5}


@both_stores
async def test_a_retry_goes_as_far_as_the_next_record_that_fails_and_says_why(bench: Bench) -> None:
    await bench.writer.append(
        0, [received("a", 1, "explode"), received("a", 2), received("a", 5_000), received("a", 4), received("b", 5_000)]
    )
    await _apply_all(bench)
    _fix(bench)
    assert await _retry(bench) == Redriven(done=2, failed=2, waiting=1)
    assert await bench.totals() == {"a": 3}
    assert await bench.parked() == [("a", 3, "apply_failed"), ("a", 4, "queued_behind"), ("b", 5, "apply_failed")]
    letters = [one.parked for one in await bench.dead_letters()]
    assert [one.attempts for one in letters] == [2, 1, 2]
    assert "an earlier event" not in letters[0].error
    (_, _, _, outcome), *others = await _audit(bench)
    assert (outcome["applied"], list(outcome["failed"]), others) == ([1, 2], ["3", "5"], [])


@both_stores
async def test_a_retry_of_one_key_leaves_the_others(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("b", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    _fix(bench)
    assert await _retry(bench, "a") == Redriven(done=2, failed=0, waiting=0)
    assert await bench.totals() == {"a": 3}
    assert await bench.parked() == [("b", 2, "apply_failed")]


@both_stores
async def test_a_retry_without_a_fix_changes_nothing_but_the_count_of_tries(bench: Bench) -> None:
    await bench.writer.append(1, [received("a", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    parked = await bench.parked()
    for _ in range(2):
        assert await _retry(bench) == Redriven(done=0, failed=1, waiting=1)
    assert await bench.parked() == parked
    assert await bench.totals() == {}
    letters = await bench.dead_letters()
    assert [one.parked.attempts for one in letters] == [3, 1]


@both_stores
async def test_more_than_one_portion_is_retried_in_order_and_a_failed_key_is_tried_once(bench: Bench) -> None:
    keys = [f"k{n % 50}" for n in range(2_500)]
    await bench.writer.append(0, [received(key, 1, "explode") for key in keys])
    await bench.writer.append(0, [received("k7", 5_000), received("k7")])
    first = received("stays", 5_000)
    await bench.writer.append(1, [first, *[received("stays") for _ in range(1_200)]])
    await _apply_all(bench)
    _fix(bench)
    assert await _retry(bench) == Redriven(done=2_500, failed=2, waiting=1_201)
    assert await bench.totals() == {f"k{n}": 50 for n in range(50)}
    letters = await bench.dead_letters()
    assert [one.parked.attempts for one in letters if one.parked.code == "apply_failed"] == [2, 2]


@both_stores
async def test_a_parked_record_is_the_one_of_the_log_with_its_append_time(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode")])
    await _apply_all(bench)
    async with LogReader(bench.settings.bootstrap_servers, {(bench.projection.topic, 0): START}) as reader:
        read = [record async for batch in reader.until(await reader.ends()) for record in batch.records]
    (letter,) = await bench.dead_letters()
    assert letter.parked.record._replace(headers=()) == read[0]._replace(headers=())
    assert [tuple(one) for one in letter.parked.record.headers] == [tuple(one) for one in read[0].headers]
    assert letter.parked.place == f"{bench.projection.topic}/0@1"


@both_stores
async def test_a_worker_that_still_knows_a_key_as_parked_does_not_park_behind_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("b")])
    await _apply_all(bench)
    _fix(bench)
    async with bench.working() as status:
        await until(lambda: _parked_keys(status), lambda keys: keys == {"a"})
        assert await _retry(bench) == Redriven(1, 0, 0)
        await bench.writer.append(0, [received("a"), received("b"), received("a")])
        await bench.until_totals({"a": 3, "b": 2})
    assert await bench.parked() == []


@both_stores
async def test_retries_beside_a_busy_worker_strand_no_key(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("b", 1, "explode"), received("c")])
    await _apply_all(bench)
    _fix(bench)
    rounds = 60

    async def retry_on_and_on() -> None:
        while True:
            await _retry(bench)

    async with bench.working(), running(retry_on_and_on()):
        for number in range(rounds):
            await bench.writer.append(
                0, [received("a"), received(f"poison{number}", 5_000), received("a"), received("b")]
            )
        await until(lambda: _position(bench), lambda offset: offset >= 4 + 4 * rounds)
        await bench.until_totals({"a": 2 * rounds + 1, "b": rounds + 1, "c": 1})
    assert [(key, code) for key, _, code in await bench.parked()] == [
        (f"poison{number}", "apply_failed") for number in range(rounds)
    ]


@both_stores
async def test_two_retries_at_once_apply_each_record_once(bench: Bench) -> None:
    await bench.writer.append(0, [received(f"k{n % 20}", 1, "explode") for n in range(400)])
    await _apply_all(bench)
    _fix(bench)
    results = await asyncio.gather(*(_retry(bench) for _ in range(4)))
    assert sum(one.done for one in results) == 400
    assert await bench.totals() == {f"k{n}": 20 for n in range(20)}
    assert await bench.parked() == []


async def test_a_retry_that_is_refused_by_a_switch_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a", 1, "explode")])
    await _apply_all(bench)
    _fix(bench)
    redrive = redrive_of(bench.pool, bench.redis, bench.projection, Decoder(0), "staff:test")
    await redrive.load()
    name = bench.projection.name
    until_then = "UPDATE stockroom.projections SET switching_until = now() + interval '1 hour' WHERE name = $1"
    await bench.pool.execute(until_then, name)
    with pytest.raises(NotCommitted):
        await redrive.retry(0, -1, None, frozenset())
    tries, trying = list[int](), type(redrive).retry

    async def counted(self: Any, *arguments: Any) -> Any:
        tries.append(1)
        return await trying(self, *arguments)

    monkeypatch.setattr(type(redrive), "retry", counted)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        retrying = group.create_task(_retry(bench))
        await until(lambda: asyncio.sleep(0, len(tries)), lambda count: count > 1)
        await bench.pool.execute("UPDATE stockroom.projections SET switching_until = NULL WHERE name = $1", name)
    assert retrying.result() == Redriven(1, 0, 0)
    assert await redrive.load() == PARTITIONS


@both_stores
async def test_a_record_that_an_older_release_parked_is_counted_and_gone_on_from(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2), received("b", 1, "explode")])
    await _apply_all(bench)
    _fix(bench)
    await bench.age("a")
    assert await _retry(bench) == Redriven(done=1, failed=1, waiting=1)
    assert await bench.totals() == {"b": 1}
    letters = [one.parked for one in await bench.dead_letters()]
    assert [(one.code, "rebuild" in one.error) for one in letters] == [
        ("parked_incomplete", True),
        ("queued_behind", False),
    ]


@pytest.mark.parametrize("store", ["redis"])
async def test_what_a_retry_in_redis_begins_is_in_the_audit_before_it_is_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    _fix(bench)
    redrive = redrive_of(bench.pool, bench.redis, bench.projection, Decoder(0), "staff:test")
    await redrive.load()

    async def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("projectors.dead_letters.redrive_redis.audit_outcome", die)
    with pytest.raises(KeyboardInterrupt):
        await redrive.retry(0, -1, None, frozenset())
    assert await bench.totals() == {"a": 3}
    assert await _audit(bench) == [("staff:test", "retry", 0, {"trying": [1, 2]})]


@pytest.mark.parametrize("store", ["redis"])
async def test_a_retry_in_redis_beside_a_worker_that_parks_without_end_has_its_turn_after_a_few_tries(
    bench: Bench,
) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2)])
    await _apply_all(bench)
    _fix(bench)
    redrive = redrive_of(bench.pool, bench.redis, bench.projection, Decoder(0), "staff:test")
    original, tries = cast(Any, redrive)._next, 0

    async def overtaken(*args: Any) -> Any:
        nonlocal tries
        tries += 1
        parked = await original(*args)
        await bench.writer.append(0, [received(f"poison{tries}", 5_000)])
        with suppress(SwitchUnderWay):
            await _apply_all(bench)
        return parked

    cast(Any, redrive)._next = overtaken
    async with asyncio.timeout(20):
        done = await retry(redrive, "a")
    assert (done.done, tries <= 8) == (2, True)
    await _apply_all(bench)
    assert await bench.totals() == {"a": 3}
    assert {key for key, _, _ in await bench.parked()} == {f"poison{number + 1}" for number in range(tries)}


@pytest.mark.parametrize("store", ["redis"])
async def test_a_retry_that_others_overtake_leaves_nothing_in_the_audit(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 1, "explode"), received("b", 1, "explode")])
    await _apply_all(bench)
    _fix(bench)
    first, second = (redrive_of(bench.pool, bench.redis, bench.projection, Decoder(0), "staff:test") for _ in range(2))
    await first.load()
    await second.load()
    original = cast(Any, first)._next

    async def overtaken(*args: Any) -> Any:
        parked = await original(*args)
        await second.retry(0, -1, "a", frozenset())
        return parked

    cast(Any, first)._next = overtaken
    with pytest.raises(NotCommitted):
        await first.retry(0, -1, None, frozenset())
    assert [outcome for _, _, _, outcome in await _audit(bench)] == [{"applied": [1], "failed": {}}]
    assert await _retry(bench) == Redriven(1, 0, 0)
    assert await bench.totals() == {"a": 1, "b": 1}
