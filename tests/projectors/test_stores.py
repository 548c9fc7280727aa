"""What a store promises, whatever the engine does: a commit that is not in turn changes nothing."""

import asyncio
from itertools import pairwise

import pytest

from infra.log_reader import Batch, LogReader
from projectors.engine import store_of
from projectors.postgres_store import PostgresStore
from projectors.redis_store import RedisStore
from projectors.sorting import Decoder
from projectors.store import GenerationMoved, PositionMoved, RebuildNeeded
from tests.projectors.tiny import Bench, received

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])
PARTITIONS = [0, 1, 2]


async def _worker(bench: Bench) -> PostgresStore | RedisStore:
    store = store_of(bench.pool, bench.redis, bench.projection, Decoder(0))
    await store.prepare(PARTITIONS)
    await store.load(PARTITIONS)
    return store


async def _batches(bench: Bench, worker: PostgresStore | RedisStore) -> list[Batch]:
    """All that is behind the worker's positions, one batch a partition."""
    topic = bench.projection.topic
    loaded = await worker.load(PARTITIONS)
    places = {(topic, number): one.position for number, one in loaded.standings.items()}
    async with LogReader(bench.settings.bootstrap_servers, places) as reader:
        ends = await reader.ends()
        return [batch async for batch in reader.until(ends)]


@both_stores
async def test_a_second_worker_with_the_same_batch_changes_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    first, second = await _worker(bench), await _worker(bench)
    batches = await _batches(bench, first)
    await first.commit(batches, frozenset())
    with pytest.raises(PositionMoved):
        await second.commit(batches, frozenset())
    assert await bench.totals() == {"a": 2}


@both_stores
async def test_of_two_workers_at_the_same_moment_one_wins(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    await bench.writer.append(1, [received("b", 1)])
    workers = [await _worker(bench) for _ in range(4)]
    batches = await _batches(bench, workers[0])
    outcomes = await asyncio.gather(*(one.commit(batches, frozenset()) for one in workers), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["Outcome", *["PositionMoved"] * 3]
    assert await bench.totals() == {"a": 2, "b": 1}


@both_stores
async def test_a_batch_that_is_stale_in_one_partition_changes_nothing_in_the_others(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    await bench.writer.append(1, [received("b")])
    worker = await _worker(bench)
    batches = await _batches(bench, worker)
    await worker.commit([one for one in batches if one.partition == 0], frozenset())
    with pytest.raises(PositionMoved):
        await worker.commit(batches, frozenset())
    assert await bench.totals() == {"a": 1}


@both_stores
async def test_workers_that_start_at_once_make_the_tables_once(bench: Bench) -> None:
    stores = [store_of(bench.pool, bench.redis, bench.projection, Decoder(0)) for _ in range(5)]
    await asyncio.gather(*(one.prepare(PARTITIONS) for one in stores))
    loaded = await asyncio.gather(*(one.load(PARTITIONS) for one in stores))
    assert {one.generation for one in loaded} == {1}
    assert {tuple(one.standings) for one in loaded} == {(0, 1, 2)}


@both_stores
async def test_tables_of_another_version_are_left_alone_until_a_rebuild(bench: Bench) -> None:
    await _worker(bench)
    newer = store_of(bench.pool, bench.redis, bench.projection._replace(version=2), Decoder(0))
    await newer.prepare(PARTITIONS)
    with pytest.raises(RebuildNeeded, match="rebuild"):
        await newer.load(PARTITIONS)


@both_stores
async def test_a_worker_on_a_generation_that_no_longer_serves_changes_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    worker = await _worker(bench)
    batches = await _batches(bench, worker)
    name = bench.projection.name
    await bench.pool.execute("UPDATE stockroom.projections SET active_generation = 2 WHERE name = $1", name)
    await bench.redis.set(f"active:{name}", 2)
    with pytest.raises(GenerationMoved):
        await worker.commit(batches, frozenset())
    await bench.pool.execute("UPDATE stockroom.projections SET active_generation = 1 WHERE name = $1", name)
    await bench.redis.set(f"active:{name}", 1)
    assert await bench.totals() == {}


async def test_two_partitions_that_write_the_same_days_do_not_wait_for_each_other(bench: Bench) -> None:
    for partition in PARTITIONS:
        for _ in range(20):
            await bench.writer.append(partition, [received(f"s{partition}-{n}") for n in range(20)])
    worker = await _worker(bench)
    loaded = await worker.load(PARTITIONS)
    topic = bench.projection.topic

    async def fill(partition: int) -> int:
        own = await _worker(bench)
        places = {(topic, partition): loaded.standings[partition].position}
        async with LogReader(bench.settings.bootstrap_servers, places) as reader:
            ends, commits = await reader.ends(), 0
            async for batch in reader.until(ends, max_records=25):
                await own.commit([batch], frozenset())
                commits += 1
            return commits

    async with asyncio.timeout(30):
        commits = await asyncio.gather(*(fill(partition) for partition in PARTITIONS))
    assert min(commits) > 1
    rows = await bench.pool.fetch(f"SELECT partition, quantity FROM {bench.projection.public_schema}.daily ORDER BY 1")
    assert [tuple(row) for row in rows] == [(0, 400), (1, 400), (2, 400)]
    assert all(before["partition"] < after["partition"] for before, after in pairwise(rows))
