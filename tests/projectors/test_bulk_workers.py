"""Worker processes of a rebuild, over the real topic of orders and three of its read models."""

import asyncio
import os
import signal
import sys
import time
from functools import partial

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from event_schemas.topics import ORDERS
from infra.settings import REPOSITORY, Settings
from projectors.log_ends import LogEnds
from projectors.read_models.registry import named
from projectors.rebuilds import bulk_group
from projectors.rebuilds.bulk_group import split
from projectors.rebuilds.bulk_processes import run_workers
from projectors.rebuilds.bulk_worker import Part, Share
from projectors.rebuilds.fill import Filler, Member
from projectors.rebuilds.row import RebuildRefused, RebuildStopped, begin
from projectors.rebuilds.several import rebuild_all
from projectors.stores.connect import store_of
from projectors.stores.sorting import Decoder
from tests.projectors.log import confirmed, placed
from tests.support.log import LogWriter
from tests.support.poll import until
from tests.support.running import running

PROJECTIONS = [named(name) for name in ("order_history", "sales", "top_sellers")]
ORDERS_A_PARTITION = 300
CHUNK = 20

Contents = dict[str, list[str]]


@pytest.fixture
async def served(
    settings: Settings, pool: asyncpg.Pool, redis: Redis, unique: str, monkeypatch: pytest.MonkeyPatch
) -> Contents:
    """What the read models say of orders in every partition, applied live; rebuilds use workers and small chunks."""
    monkeypatch.setattr(bulk_group, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(bulk_group, "Share", partial(Share, chunk=CHUNK))
    async with LogWriter(settings.bootstrap_servers, ORDERS.name, unique) as writer:
        for partition in range(settings.partitions):
            await writer.claim(partition, int(time.time() * 1000))
            ids = [f"{unique}-{partition}-{number}" for number in range(ORDERS_A_PARTITION)]
            lines = {"A": 2, f"S{partition}": 1}
            await writer.append(partition, [(one, placed(one, lines)) for one in ids])
            await writer.append(partition, [(one, confirmed(one, lines)) for one in ids])
    ends = LogEnds(settings.bootstrap_servers, [ORDERS.name])
    async with running(ends.run()):
        goal = await ends.fresh(ORDERS.name)
    stores = [store_of(pool, redis, one, Decoder(10_000)) for one in PROJECTIONS]
    for store in stores:
        await store.prepare(list(goal))
    members = [Member(store, lambda records: None) for store in stores]
    await Filler(settings.bootstrap_servers, ORDERS.name, pool, members).fill(goal)
    return await _contents(pool, redis)


async def _contents(pool: asyncpg.Pool, redis: Redis) -> Contents:
    """All rows and scores that are served."""
    found: Contents = {}
    for projection in PROJECTIONS:
        if projection.store == "redis":
            prefix = f"{projection.name}:{int(await redis.get(f'active:{projection.name}') or 0)}:top:"
            keys = sorted([key.decode() async for key in redis.scan_iter(match=f"{prefix}*")])
            found |= {key[len(prefix) :]: [str(await redis.zrange(key, 0, -1, withscores=True))] for key in keys}
        else:
            for table in projection.tables:
                sql = f"SELECT t::text AS row FROM {projection.public_schema}.{table} t ORDER BY 1"
                found[table] = [row["row"] for row in await pool.fetch(sql)]
    assert all(found.values())
    assert len(found) > 5
    return found


async def _generations(pool: asyncpg.Pool) -> list[int]:
    names = [one.name for one in PROJECTIONS]
    sql = "SELECT active_generation FROM stockroom.projections WHERE name = ANY ($1) ORDER BY name"
    return [row["active_generation"] for row in await pool.fetch(sql, names)]


async def test_two_processes_that_read_once_make_the_rows_and_scores_that_are_served(
    served: Contents, settings: Settings, pool: asyncpg.Pool, redis: Redis
) -> None:
    before = await _generations(pool)
    reports = await rebuild_all(settings, PROJECTIONS, partitions_in_parallel=2)
    assert len({one.events for one in reports}) == 1
    assert await _generations(pool) == [number + 1 for number in before]
    assert await _contents(pool, redis) == served


async def test_a_killed_worker_ends_the_rebuild_and_the_next_one_loses_and_doubles_nothing(
    served: Contents, settings: Settings, pool: asyncpg.Pool, redis: Redis
) -> None:
    async def filled(generation: str = "rebuilding_generation") -> int:
        sql = (
            "SELECT COALESCE(sum(o.next_offset), 0) FROM stockroom.projection_offsets o JOIN stockroom.projections p "
            f"ON o.projection = p.name AND o.generation = p.{generation} WHERE p.name = 'sales'"
        )
        return int(await pool.fetchval(sql))

    before = await _generations(pool)
    rebuilding = asyncio.create_task(rebuild_all(settings, PROJECTIONS, partitions_in_parallel=2))
    await until(filled, lambda records: records >= 2 * CHUNK)
    workers = [one for one in psutil.Process().children() if "fill" in one.cmdline()]
    assert len(workers) == 2
    os.kill(workers[0].pid, signal.SIGKILL)
    with pytest.raises(RebuildStopped, match=r"ended with code -9.*goes on where it stopped"):
        await rebuilding
    assert not any(one.is_running() for one in workers)
    assert await _generations(pool) == before
    left = await filled()
    assert 0 < left < await filled("active_generation")
    reports = await rebuild_all(settings, PROJECTIONS, partitions_in_parallel=2)
    gone_on_with = next(one.events for one in reports if one.projection == "sales")
    assert left + gone_on_with == await filled("active_generation")
    assert await _contents(pool, redis) == served


async def test_a_worker_that_finds_what_was_filled_damaged_says_what_helps(
    served: Contents, settings: Settings, pool: asyncpg.Pool, redis: Redis
) -> None:
    top, partitions = named("top_sellers"), list(range(settings.partitions))
    async with pool.acquire() as connection:
        filling = (await begin(connection, top, partitions, anew=True)).filling
    await redis.hset(f"{top.name}:{filling}:pos", mapping={"version": top.version, "damaged": "ERR no number"})
    share = Share(ORDERS.name, [Part(top.name, filling, False)], dict.fromkeys(partitions, 1), 1)
    with pytest.raises(RebuildRefused, match=r"ERR no number.*--anew"):
        await run_workers([share], {})


async def test_a_worker_ends_with_the_rebuild_that_hears_it_whatever_its_log_level(
    served: Contents, settings: Settings, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKROOM_LOG_LEVEL", "ERROR")
    sales, partitions = named("sales"), list(range(settings.partitions))
    async with pool.acquire() as connection:
        filling = (await begin(connection, sales, partitions, anew=True)).filling
    share = Share(ORDERS.name, [Part(sales.name, filling, True)], dict.fromkeys(partitions, ORDERS_A_PARTITION), 1)
    heard, told = os.pipe()
    command = (sys.executable, "-m", "projectors", "fill", share.to_json())
    worker = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdout=told)
    os.close(told)
    os.close(heard)
    try:
        async with asyncio.timeout(20):
            await worker.wait()
    finally:
        if worker.returncode is None:
            worker.kill()
    sql = "SELECT sum(next_offset) FROM stockroom.projection_offsets WHERE projection = $1 AND generation = $2"
    assert await pool.fetchval(sql, sales.name, filling) == 1


def test_partitions_are_shared_out_by_their_records() -> None:
    assert split({0: 10, 1: 90, 2: 50, 3: 45}, 2) == [[1, 0], [2, 3]]


def test_a_share_goes_to_its_worker_as_it_is() -> None:
    share = Share("orders", [Part("sales", 3, True), Part("top_sellers", 2, False)], {0: 17, 4: 0}, 500)
    assert Share.from_json(share.to_json()) == share
