"""Workers share partitions: each is filled by one, who ends is replaced, and who is outdated changes nothing."""

import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.log_reader import Batch
from projectors.engine import Engine
from projectors.sharing import shares
from projectors.status import State
from projectors.store import Outcome, ParkedKeys
from projectors.workers import Workers
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.projectors.worker import worker_process
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])
TAKE_OVER_SECONDS = 4.0
AT_ONCE_SECONDS = 2.0
ROUNDS = 20

names = st.frozensets(st.text(min_size=1, max_size=5), min_size=1, max_size=7)


@given(workers=names, partitions=st.integers(0, 24))
def test_every_partition_has_one_owner_and_no_worker_more_than_its_part(
    workers: frozenset[str], partitions: int
) -> None:
    given = shares(workers, "stock", tuple(range(partitions)))
    assert sorted(number for share in given.values() for number in share) == list(range(partitions))
    assert given.keys() == workers
    assert max(map(len, given.values())) <= ceil(partitions / len(workers))


def test_who_comes_back_finds_the_share_that_it_had_and_projections_are_spread_differently() -> None:
    three = frozenset({"a:1", "b:1", "c:1"})
    partitions = tuple(range(24))
    assert shares(three, "stock", partitions) == shares(frozenset(sorted(three)), "stock", partitions)
    assert shares(three, "stock", partitions) != shares(three, "sales", partitions)


@asynccontextmanager
async def sharing(bench: Bench, *workers: str) -> AsyncIterator[list[Engine]]:
    """Engines of these names, once each has the share that it should have."""
    async with AsyncExitStack() as stack:
        engines = [bench.engine(worker) for worker in workers]
        for engine in engines:
            await stack.enter_async_context(running(engine.run()))
        given = shares(frozenset(workers), bench.projection.name, tuple(PARTITIONS))
        await until(partial(_shares, engines), lambda found: found == [given[worker] for worker in workers])
        yield engines


async def _shares(engines: list[Engine]) -> list[frozenset[int]]:
    statuses = [engine.runners[0].status for engine in engines]
    return [frozenset(status.standings) if status.state is State.RUNNING else frozenset({-1}) for status in statuses]


def own(bench: Bench, worker: str, *others: str) -> int:
    """A partition of the worker while those others live as well."""
    return min(shares(frozenset({worker, *others}), bench.projection.name, tuple(PARTITIONS))[worker])


@both_stores
async def test_two_workers_fill_disjoint_shares_and_together_everything(bench: Bench) -> None:
    async with sharing(bench, "one", "two") as (one, two):
        for partition in PARTITIONS:
            await bench.writer.append(partition, [received(f"s{partition}") for _ in range(500)])
        await bench.until_totals({f"s{partition}": 500 for partition in PARTITIONS})
        first, second = (engine.runners[0].status for engine in (one, two))
        assert not first.standings.keys() & second.standings.keys()
        assert {*first.standings, *second.standings} == set(PARTITIONS)
        assert (first.applied, second.applied) == (500 * len(first.standings), 500 * len(second.standings))
        assert [one["partition"] for one in one.described()[0]["partitions"]] == sorted(first.standings)


async def test_a_worker_without_a_partition_is_ready_and_leaves_no_gap(bench: Bench) -> None:
    async with sharing(bench, "one", "two", "three", "four") as engines:
        idle = [engine for engine in engines if not engine.runners[0].status.standings]
        assert len(idle) == 1
        await until(idle[0].not_ready, lambda reasons: not reasons)
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})


@both_stores
async def test_the_partitions_of_a_killed_worker_are_taken_over_within_four_seconds(bench: Bench) -> None:
    async with worker_process(bench.projection, "one") as process, sharing_with(bench, "two", "one"):
        partition = own(bench, "one", "two")
        await bench.writer.append(partition, [received("a")])
        await bench.until_totals({"a": 1})
        process.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        await bench.writer.append(partition, [received("a")])
        await bench.until_totals({"a": 2})
        assert time.monotonic() - killed <= TAKE_OVER_SECONDS


@asynccontextmanager
async def sharing_with(bench: Bench, worker: str, other: str) -> AsyncIterator[Engine]:
    """An engine beside another worker that is a process, once it has its share."""
    engine = bench.engine(worker)
    given = shares(frozenset({worker, other}), bench.projection.name, tuple(PARTITIONS))
    async with running(engine.run()):
        await until(partial(_shares, [engine]), lambda found: found == [given[worker]])
        yield engine


async def test_a_worker_that_leaves_is_replaced_at_once(bench: Bench) -> None:
    async with sharing(bench, "two") as (two,):
        async with running((one := bench.engine("one")).run()):
            mine = shares(frozenset({"one", "two"}), bench.projection.name, tuple(PARTITIONS))
            await until(partial(_shares, [one, two]), lambda found: found == [mine["one"], mine["two"]])
        await one.workers.leave()
        left = time.monotonic()
        await until(partial(_shares, [two]), lambda found: found == [frozenset(PARTITIONS)])
        assert time.monotonic() - left <= AT_ONCE_SECONDS


@both_stores
async def test_a_worker_that_was_stopped_and_goes_on_changes_nothing(bench: Bench) -> None:
    sent = 0

    async def load() -> None:
        nonlocal sent
        for partition in PARTITIONS:
            await bench.writer.append(partition, [received(f"s{n}") for n in range(50)])
        sent += len(PARTITIONS)

    async with worker_process(bench.projection, "one") as process, sharing_with(bench, "two", "one"):
        for number in range(ROUNDS):
            await load()
            if number == ROUNDS // 2:
                process.send_signal(signal.SIGSTOP)
        await bench.until_totals({f"s{n}": sent for n in range(50)})
        process.send_signal(signal.SIGCONT)
        for _ in range(ROUNDS):
            await load()
        await bench.until_totals({f"s{n}": sent for n in range(50)})
        await live_again(bench, "one")
        await load()
        await bench.until_totals({f"s{n}": sent for n in range(50)})


async def live_again(bench: Bench, worker: str) -> None:
    watching = Workers(bench.pool, "watching", [])

    async def live() -> list[str]:
        return watching.live

    async with running(watching.run()):
        await until(live, lambda found: worker in found)


@both_stores
async def test_a_batch_that_is_stale_in_one_partition_is_committed_in_the_others_without_reading_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for partition in PARTITIONS:
        await bench.writer.append(partition, [received("a")])
    engine, rival = bench.engine(), await bench.worker()
    commit, tries = engine.stores[0].commit, list[Sequence[Batch]]()

    async def beaten_in_one(batches: Sequence[Batch], parked: ParkedKeys) -> Outcome:
        tries.append(batches)
        if len(batches) > 1 and all(len(earlier) == 1 for earlier in tries[:-1]):
            await rival.commit(batches[:1], parked)
        return await commit(batches, parked)

    monkeypatch.setattr(engine.stores[0], "commit", beaten_in_one)
    async with running(engine.run()):
        await bench.until_totals({"a": len(PARTITIONS)})
    beaten = next(number for number, batches in enumerate(tries) if len(batches) > 1)
    assert tries[beaten + 1] == tries[beaten][1:]
    assert all(again is first for again, first in zip(tries[beaten + 1], tries[beaten][1:], strict=True))
