"""Filling a new generation in chunks: poison at their borders, kills between them, laggards, and who may write."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
import pytest

from infra.log_batch import Batch
from projectors.projection import Projection
from projectors.rebuilds.fill import Filler, Member
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.row import RebuildRefused, begin
from projectors.stores.connect import store_of
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.redis_store import RedisStore
from projectors.stores.sorting import Decoder, Sorting
from projectors.stores.store import Outcome, ParkedKeys
from tests.projectors.tiny import PARTITIONS, Bench, received, tiny

CHUNKS = pytest.mark.parametrize("chunk", [1, 7, 50_000])


class Killed(Exception):
    """Stands for the end of the process between two commits."""


@asynccontextmanager
async def _generation(
    bench: Bench, projection: Projection | None = None
) -> AsyncIterator[tuple[PostgresStore | RedisStore, PostgresTarget]]:
    """A generation that is being rebuilt, begun or resumed: its store in bulk, and what makes its keys."""
    projection = projection or bench.projection
    connection = await asyncpg.connect(bench.settings.dsn)
    try:
        begun = await begin(connection, projection, PARTITIONS)
        stores = [
            store_of(bench.pool, bench.redis, projection, Decoder(0), rebuilding=begun.filling, bulk=bulk)
            for bulk in (begun.bulk, None)
        ]
        for store in stores:
            await store.load(PARTITIONS)
        yield stores[0], PostgresTarget(bench.settings.dsn, connection, projection, begun, stores[1])  # type: ignore[arg-type]
    finally:
        await connection.close()


def _filler(bench: Bench, *stores: PostgresStore | RedisStore, chunk: int, dies_after: int | None = None) -> Filler:
    commits: list[int] = []

    def advanced(records: int) -> None:
        commits.append(records)
        if dies_after is not None and len(commits) > dies_after:
            raise Killed

    members = [Member(store, advanced) for store in stores]
    return Filler(bench.settings.bootstrap_servers, bench.projection.topic, bench.pool, members, chunk)


async def _ends(bench: Bench) -> dict[int, int]:
    worker = await bench.worker()
    batches, _ = await bench.behind(worker)
    return {batch.partition: batch.after.next_offset for batch in batches}


async def _tables(bench: Bench, generation: int) -> dict[str, list[str]]:
    return {
        table: [
            row["row"]
            for row in await bench.pool.fetch(
                f"SELECT t::text AS row FROM {bench.projection.name}_g{generation}.{table} t ORDER BY 1"
            )
        ]
        for table in bench.projection.tables
    }


async def _parked(bench: Bench, generation: int) -> list[tuple[int, int, str, str]]:
    rows = await bench.pool.fetch(
        "SELECT partition, record_offset, key, error_code FROM stockroom.parked "
        "WHERE projection = $1 AND generation = $2 ORDER BY 1, 2",
        bench.projection.name,
        generation,
    )
    return [tuple(row) for row in rows]


async def _live(bench: Bench) -> None:
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))


@CHUNKS
async def test_poison_at_any_place_of_a_chunk_is_parked_as_it_is_live(bench: Bench, chunk: int) -> None:
    for partition in PARTITIONS:
        events = [received(f"s{partition}-{n % 5}") for n in range(20)]
        events[6] = received(f"s{partition}-1", 1, "explode")
        events[7] = received(f"s{partition}-2", 5_000)
        events[13] = received(f"s{partition}-3", 5_000)
        await bench.writer.append(partition, events)
    ends = await _ends(bench)
    await _live(bench)
    async with _generation(bench) as (store, target):
        await _filler(bench, store, chunk=chunk).fill(ends)
        await target.index()
    assert len(await _parked(bench, 1)) > 9
    assert await _parked(bench, 2) == await _parked(bench, 1)
    assert await _tables(bench, 2) == await _tables(bench, 1)


async def test_a_fill_that_was_killed_between_two_commits_loses_and_doubles_nothing(bench: Bench) -> None:
    for partition in PARTITIONS:
        await bench.writer.append(partition, [received(f"s{n % 5}", n % 7 + 1) for n in range(100)])
    ends = await _ends(bench)
    await _live(bench)
    for commits in (0, 3, 1):
        async with _generation(bench) as (store, _):
            with pytest.raises(Killed):
                await _filler(bench, store, chunk=7, dies_after=commits).fill(ends)
    async with _generation(bench) as (store, target):
        await _filler(bench, store, chunk=7).fill(ends)
        await target.index()
    assert await _tables(bench, 2) == await _tables(bench, 1)


async def test_whoever_was_left_behind_by_a_kill_catches_up_and_all_go_on_from_one_reading(
    bench: Bench, unique: str
) -> None:
    for partition in PARTITIONS:
        await bench.writer.append(partition, [received(f"s{n % 5}", n % 7 + 1) for n in range(100)])
    ends = await _ends(bench)
    await _live(bench)
    sums = tiny(f"{unique}r", "redis", bench.projection.topic)

    class Dies(RedisStore):
        """The process is killed before its third commit to Redis."""

        left = 2

        async def commit(self, batches: Sequence[Batch], parked: ParkedKeys, sorting: Sorting | None = None) -> Outcome:
            if not self.left:
                raise Killed
            self.left -= 1
            return await super().commit(batches, parked, sorting)

    async with _generation(bench) as (rows, target), _generation(bench, sums) as (scores, _):
        assert isinstance(scores, RedisStore)
        dying = Dies(bench.redis, bench.pool, sums, Decoder(0), rebuilding=scores.generation)
        with pytest.raises(Killed):
            await _filler(bench, rows, dying, chunk=30).fill(ends)
        stands = [(await store.load(PARTITIONS)).standings for store in (rows, scores)]
        assert sum(one.position.next_offset for one in stands[0].values()) == 90
        assert sum(one.position.next_offset for one in stands[1].values()) == 60
        await _filler(bench, rows, scores, chunk=30).fill(ends)
        await target.index()
        prefix = f"{sums.name}:{scores.generation}:"
    scored = await bench.redis.zrange(f"{prefix}totals", 0, -1, withscores=True)
    found = cast(list[tuple[bytes, float]], scored)
    assert {sku.decode(): int(score) for sku, score in found} == await bench.totals()
    assert await _tables(bench, 2) == await _tables(bench, 1)


async def test_nothing_is_written_when_another_rebuild_took_over(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(50)])
    ends = await _ends(bench)
    async with _generation(bench) as (store, _):
        sql = "UPDATE stockroom.projections SET rebuilding_generation = 3 WHERE name = $1"
        await bench.pool.execute(sql, bench.projection.name)
        with pytest.raises(RebuildRefused, match="took over"):
            await _filler(bench, store, chunk=7).fill(ends)
    assert (await _tables(bench, 2))["seen"] == []


async def test_a_worker_that_comes_late_writes_nothing_once_the_keys_are_made(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(50)])
    ends = await _ends(bench)
    async with _generation(bench) as (store, target):
        await target.index()
        with pytest.raises(RebuildRefused, match="filled already"):
            await _filler(bench, store, chunk=7).fill(ends)
    assert (await _tables(bench, 2))["seen"] == []


async def test_two_fillings_at_once_write_every_record_once(bench: Bench) -> None:
    for partition in PARTITIONS:
        await bench.writer.append(partition, [received(f"s{n % 5}", n % 7 + 1) for n in range(100)])
    ends = await _ends(bench)
    await _live(bench)
    async with _generation(bench) as (one, target), _generation(bench) as (other, _):
        await asyncio.gather(*(_filler(bench, store, chunk=9).fill(ends) for store in (one, other)))
        await target.index()
    assert await _tables(bench, 2) == await _tables(bench, 1)


async def test_what_one_projection_cannot_apply_the_others_of_its_topic_do(bench: Bench, unique: str) -> None:
    await bench.writer.append(0, [received("a"), received("b", 1, "explode"), received("b"), received("c", 5_000)])
    ends = await _ends(bench)
    lenient = tiny(f"{unique}r", "postgres", bench.projection.topic)
    lenient = lenient._replace(ddl=lenient.ddl.replace("CHECK (quantity < 1000)", ""), public_schema=f"{unique}_public")
    async with _generation(bench) as (strict, _), _generation(bench, lenient) as (other, target):
        await _filler(bench, strict, other, chunk=50_000).fill(ends)
        await target.index()
    try:
        assert [(key, code) for _, _, key, code in await _parked(bench, 2)] == [
            ("b", "apply_failed"),
            ("b", "queued_behind"),
            ("c", "apply_failed"),
        ]
        rows = await bench.pool.fetch(f"SELECT sku, quantity FROM {lenient.name}_g2.totals ORDER BY sku")
        assert [tuple(row) for row in rows] == [("a", 1), ("c", 5_000)]
    finally:
        for generation in (1, 2):
            await bench.pool.execute(f"DROP SCHEMA IF EXISTS {lenient.name}_g{generation} CASCADE")
