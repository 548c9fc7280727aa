"""Workers share partitions: each is filled by one, and together they fill all."""

from collections.abc import Sequence
from functools import partial
from math import ceil

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka_lifetime import started
from infra.log_batch import Batch
from projectors.engine.engine import Engine
from projectors.engine.sharing import shares
from projectors.engine.status import State
from projectors.stores.store import Outcome, ParkedKeys
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.projectors.together import live_workers, shares_of, sharing, state_of
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])

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


@both_stores
async def test_two_workers_fill_disjoint_shares_and_together_everything(bench: Bench) -> None:
    sent = 0
    async with sharing(bench, "one", "two") as engines:
        first, second = (engine.runners[0].status for engine in engines)

        async def applied_by_each() -> int:
            nonlocal sent
            sent += 1
            for partition in PARTITIONS:
                await bench.writer.append(partition, [received(f"s{partition}")])
            await bench.until_totals({f"s{partition}": sent for partition in PARTITIONS})
            return min(first.applied, second.applied)

        await until(applied_by_each, lambda applied: applied > 0)
        assert first.applied + second.applied == sent * len(PARTITIONS)
        await until(partial(_described, engines), lambda found: found == PARTITIONS)


async def _described(engines: list[Engine]) -> list[int]:
    return sorted(one["partition"] for engine in engines for one in engine.described()[0]["partitions"])


async def test_a_worker_without_a_partition_is_ready_and_leaves_no_gap(bench: Bench) -> None:
    async with sharing(bench, "one", "two", "three", "four") as engines:
        idle = [engine for engine in engines if not engine.runners[0].status.standings]
        assert len(idle) == 1
        await until(idle[0].not_ready, lambda reasons: not reasons)
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})


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


async def test_a_worker_of_another_version_keeps_no_partition_from_those_that_can_go_on(bench: Bench) -> None:
    newer = [bench.projection._replace(version=2)]
    async with sharing(bench, "old") as (old,):
        waiting = Engine(bench.settings, bench.pool, bench.redis, newer, "new")
        async with running(waiting.run()):
            await until(partial(state_of, waiting), lambda state: state is State.REBUILD_NEEDED)
            await until(partial(live_workers, old), lambda live: {"new", "old"} <= set(live))
            await bench.writer.append(0, [received("a")])
            await bench.until_totals({"a": 1})
            assert await shares_of([old]) == [frozenset(PARTITIONS)]


@both_stores
async def test_each_parked_record_is_copied_by_one_of_the_workers(bench: Bench) -> None:
    letters = f"{bench.projection.topic}.dlq"
    async with sharing(bench, "one", "two") as (one, _):
        for partition in PARTITIONS:
            bad = f"bad{partition}"
            await bench.writer.append(partition, [received(bad, 5_000), received(bad)])
        await until(bench.parked, lambda parked: len(parked) == 2 * len(PARTITIONS))
        await until(partial(one.stores[0].uncopied, 100, PARTITIONS), lambda left: not left)
    consumer = AIOKafkaConsumer(bootstrap_servers=bench.settings.bootstrap_servers)
    async with started(consumer.start, consumer.stop):
        ends = await consumer.end_offsets([TopicPartition(letters, number) for number in PARTITIONS])
    assert sum(ends.values()) == 2 * len(PARTITIONS)
