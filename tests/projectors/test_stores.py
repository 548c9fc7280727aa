"""What a store promises, whatever the engine does: a commit that is not in turn changes nothing."""

import asyncio
from itertools import pairwise

import orjson
import pytest

from event_schemas.holder import MAX_EPOCH_DIGITS, Holder
from infra.log_reader import LogReader
from projectors.stores.connect import store_of
from projectors.stores.sorting import Decoder
from projectors.stores.store import GenerationMoved, PositionMoved, RebuildNeeded, StoreDamaged
from tests.projectors.rebuilding import rebuild
from tests.projectors.tiny import PARTITIONS, Bench, received, to_redis

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


@both_stores
async def test_a_second_worker_with_the_same_batch_changes_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    first, second = await bench.worker(), await bench.worker()
    batches, parked = await bench.behind(first)
    await first.commit(batches, parked)
    with pytest.raises(PositionMoved):
        await second.commit(batches, parked)
    assert await bench.totals() == {"a": 2}


@both_stores
async def test_of_two_workers_at_the_same_moment_one_wins(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    await bench.writer.append(1, [received("b", 1)])
    workers = [await bench.worker() for _ in range(4)]
    batches, parked = await bench.behind(workers[0])
    outcomes = await asyncio.gather(*(one.commit(batches, parked) for one in workers), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["Outcome", *["PositionMoved"] * 3]
    assert await bench.totals() == {"a": 2, "b": 1}


@both_stores
async def test_a_batch_that_is_stale_in_one_partition_changes_nothing_in_the_others(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    await bench.writer.append(1, [received("b")])
    worker = await bench.worker()
    batches, parked = await bench.behind(worker)
    await worker.commit([one for one in batches if one.partition == 0], parked)
    with pytest.raises(PositionMoved):
        await worker.commit(batches, parked)
    assert await bench.totals() == {"a": 1}


@both_stores
async def test_the_holder_of_the_highest_epoch_comes_back_from_the_store_as_it_is(bench: Bench) -> None:
    highest = int("9" * MAX_EPOCH_DIGITS)
    await bench.writer.claim(0, epoch=highest)
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    assert (await worker.load(PARTITIONS)).standings[0].position.holder == Holder(highest, bench.writer.writer)
    await bench.writer.append(0, [received("a", 2)])
    await worker.commit(*await bench.behind(worker))
    assert await bench.totals() == {"a": 3}


@both_stores
async def test_a_commit_with_stale_parked_keys_is_refused_and_the_next_one_applies(bench: Bench) -> None:
    await bench.writer.append(0, [received("bad", 5_000), received("good")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    await bench.writer.append(0, [received("bad", 2)])
    batches, stale = await bench.behind(worker)
    assert stale.keys == {"bad"}
    await bench.take_out("bad")
    with pytest.raises(PositionMoved):
        await worker.commit(batches, stale)
    assert await bench.parked() == []
    await worker.commit(*await bench.behind(worker))
    assert await bench.totals() == {"good": 1, "bad": 2}


@pytest.mark.parametrize("store", ["redis"])
async def test_positions_in_redis_that_an_older_release_wrote_are_gone_on_from(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    key = f"{bench.projection.name}:1:pos"
    position = orjson.loads(await bench.redis.hget(key, "0") or b"")
    del position["unparked"]
    await bench.redis.hset(key, "0", orjson.dumps(position))
    await bench.redis.hdel(key, "version")
    await bench.writer.append(0, [received("a", 2)])
    await worker.commit(*await bench.behind(worker))
    assert await bench.totals() == {"a": 3}


async def _lose_postgresql(bench: Bench) -> None:
    for table in ("projections", "projection_offsets", "parked"):
        column = "name" if table == "projections" else "projection"
        await bench.pool.execute(f"DELETE FROM stockroom.{table} WHERE {column} = $1", bench.projection.name)


@pytest.mark.parametrize("store", ["redis"])
async def test_a_new_postgresql_beside_a_redis_of_the_same_version_goes_on_from_there(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    await _lose_postgresql(bench)
    await bench.writer.append(0, [received("a", 2)])
    worker = await bench.worker()
    batches, parked = await bench.behind(worker)
    assert [batch.before.next_offset for batch in batches if batch.partition == 0] == [2]
    await worker.commit(batches, parked)
    assert await bench.totals() == {"a": 3}


@pytest.mark.parametrize("store", ["redis"])
async def test_a_new_postgresql_beside_a_redis_of_another_version_is_rebuilt_and_never_gone_on_from(
    bench: Bench,
) -> None:
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    bench.projection = bench.projection._replace(version=2, apply=lambda events: [*to_redis(events), *to_redis(events)])
    await rebuild(bench)
    assert await bench.totals() == {"a": 2}
    await _lose_postgresql(bench)
    with pytest.raises(StoreDamaged, match=r"filled by version 1, not 2: run `./stockroom rebuild"):
        await bench.worker()
    assert await bench.totals() == {"a": 2}, "queries are not shown the old generation"
    report = await rebuild(bench)
    assert (report.generation, report.compared.incomplete) == (
        2,
        "the serving generation was filled by version 1, not 2",
    )
    await bench.writer.append(0, [received("a", 2)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    assert await bench.totals() == {"a": 6}


@both_stores
async def test_a_running_worker_learns_that_a_key_is_free_again(bench: Bench) -> None:
    await bench.writer.append(0, [received("bad", 5_000), received("good")])
    async with bench.working() as status:
        await bench.until_totals({"good": 1})
        await bench.take_out("bad")
        await bench.writer.append(0, [received("bad", 2), received("good")])
        await bench.until_totals({"good": 2, "bad": 2})
        assert status.parked.keys == frozenset()
    assert await bench.parked() == []


@both_stores
async def test_workers_that_start_at_once_make_the_tables_once(bench: Bench) -> None:
    stores = [store_of(bench.pool, bench.redis, bench.projection, Decoder(0)) for _ in range(5)]
    await asyncio.gather(*(one.prepare(PARTITIONS) for one in stores))
    loaded = await asyncio.gather(*(one.load(PARTITIONS) for one in stores))
    assert {one.generation for one in loaded} == {1}
    assert {tuple(one.standings) for one in loaded} == {(0, 1, 2)}


@both_stores
async def test_tables_of_another_version_are_left_alone_until_a_rebuild(bench: Bench) -> None:
    await bench.worker()
    newer = store_of(bench.pool, bench.redis, bench.projection._replace(version=2), Decoder(0))
    await newer.prepare(PARTITIONS)
    with pytest.raises(RebuildNeeded, match="rebuild"):
        await newer.load(PARTITIONS)


@pytest.mark.parametrize("store", ["redis"])
async def test_where_redis_has_lost_what_serves_code_of_another_version_names_nothing_to_queries(bench: Bench) -> None:
    await bench.worker()
    await bench.redis.delete(f"active:{bench.projection.name}", f"{bench.projection.name}:1:pos")
    newer = store_of(bench.pool, bench.redis, bench.projection._replace(version=2), Decoder(0))
    with pytest.raises(RebuildNeeded):
        await newer.load(PARTITIONS)
    assert await bench.redis.get(f"active:{bench.projection.name}") is None


@both_stores
async def test_a_worker_on_a_generation_that_no_longer_serves_changes_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    batches, parked = await bench.behind(worker)
    name = bench.projection.name
    await bench.pool.execute("UPDATE stockroom.projections SET active_generation = 2 WHERE name = $1", name)
    await bench.redis.set(f"active:{name}", 2)
    with pytest.raises(GenerationMoved):
        await worker.commit(batches, parked)
    await bench.pool.execute("UPDATE stockroom.projections SET active_generation = 1 WHERE name = $1", name)
    await bench.redis.set(f"active:{name}", 1)
    assert await bench.totals() == {}


async def test_two_partitions_that_write_the_same_days_do_not_wait_for_each_other(bench: Bench) -> None:
    for partition in PARTITIONS:
        for _ in range(20):
            await bench.writer.append(partition, [received(f"s{partition}-{n}") for n in range(20)])
    worker = await bench.worker()
    loaded = await worker.load(PARTITIONS)
    topic = bench.projection.topic

    async def fill(partition: int) -> int:
        own = await bench.worker()
        places = {(topic, partition): loaded.standings[partition].position}
        async with LogReader(bench.settings.bootstrap_servers, places) as reader:
            ends, commits = await reader.ends(), 0
            async for batch in reader.until(ends, max_records=25):
                await own.commit([batch], loaded.parked)
                commits += 1
            return commits

    async with asyncio.timeout(30):
        commits = await asyncio.gather(*(fill(partition) for partition in PARTITIONS))
    assert min(commits) > 1
    rows = await bench.pool.fetch(f"SELECT partition, quantity FROM {bench.projection.public_schema}.daily ORDER BY 1")
    assert [tuple(row) for row in rows] == [(0, 400), (1, 400), (2, 400)]
    assert all(before["partition"] < after["partition"] for before, after in pairwise(rows))


@both_stores
async def test_what_is_not_copied_yet_comes_in_log_order_and_by_partition_until_nothing_is_left(bench: Bench) -> None:
    for partition in PARTITIONS:
        await bench.writer.append(partition, [received(f"k{partition}-{n}", 5_000) for n in range(12)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    found: list[tuple[int, int]] = []
    while records := await worker.uncopied(5, [0, 2]):
        await worker.mark_copied(records)
        found += [one.at for one in records]
    assert found == [(partition, offset) for partition in (0, 2) for offset in range(1, 13)]
    assert [one.at for one in await worker.uncopied(100, PARTITIONS)] == [(1, offset) for offset in range(1, 13)]
    await bench.writer.append(0, [received("late", 5_000)])
    await worker.commit(*await bench.behind(worker))
    assert (0, 13) in {one.at for one in await (await bench.worker()).uncopied(100, PARTITIONS)}
