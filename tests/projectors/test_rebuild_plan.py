"""`rebuild --dry-run` says what a rebuild would do, and changes nothing; `--rate` bounds what it does."""

import math
import time
from uuid import uuid4

import asyncpg
import pytest

from infra.settings import Settings
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.plan import Plan, plan_all
from projectors.rebuilds.rate import RateLimit
from projectors.rebuilds.run import Run
from projectors.stores.control_tables import create_control_tables
from tests.projectors.rebuilding import quiet, rebuild
from tests.projectors.tiny import Bench, received
from tests.support.poll import until
from tests.support.running import running

OLDER = """
ALTER TABLE stockroom.projections DROP COLUMN switching_until, DROP COLUMN rebuilding_bulk,
    DROP COLUMN kept_generation, DROP COLUMN kept_version, DROP COLUMN wanted_version;
ALTER TABLE stockroom.projection_offsets DROP COLUMN unparked;
ALTER TABLE stockroom.parked DROP COLUMN appended_ms, DROP COLUMN attempts;
DROP TABLE stockroom.audit, stockroom.rebuilds, stockroom.workers;
"""
COLUMNS = """
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'stockroom' ORDER BY 1, 2
"""

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


async def _plan(bench: Bench, options: RebuildOptions = DEFAULTS) -> Plan:
    [plan] = await plan_all(bench.settings, [bench.projection], options)
    return plan


async def _everything(bench: Bench) -> tuple[list[str], dict[bytes, bytes]]:
    """All rows about the projection, its schemas with the storage of their tables, and its keys in Redis."""
    name = bench.projection.name
    rows = []
    for table, column in (("projections", "name"), ("projection_offsets", "projection"), ("audit", "projection")):
        found = await bench.pool.fetch(f"SELECT t::text FROM stockroom.{table} t WHERE {column} = $1 ORDER BY 1", name)
        rows += [row["t"] for row in found]
    rows += [row["t"] for row in await bench.pool.fetch("SELECT t::text FROM stockroom.rebuilds t ORDER BY 1")]
    stored = "SELECT c.oid, relname, relfilenode FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
    found = await bench.pool.fetch(f"SELECT s::text FROM ({stored} WHERE nspname LIKE $1) s ORDER BY 1", f"{name}%")
    keys = [key async for key in bench.redis.scan_iter(match=f"*{name}*")]
    return rows + [row["s"] for row in found], {key: await bench.redis.dump(key) or b"" for key in keys}


@both_stores
async def test_a_dry_run_changes_nothing_and_says_what_a_rebuild_would_do(bench: Bench) -> None:
    for partition in (1, 2):
        await bench.writer.append(partition, [received(f"s{n}") for n in range(10 * partition)])
    async with bench.working():
        await bench.until_totals({f"s{n}": 2 if n < 10 else 1 for n in range(20)})
    before = await _everything(bench)
    plan = await _plan(bench)
    assert await _everything(bench) == before
    assert (plan.serving_generation, plan.serving_version, plan.version, plan.resumes_generation) == (1, 1, 1, None)
    assert (plan.events, plan.to_read, plan.seconds) == ({0: 1, 1: 11, 2: 21}, 33, None)
    if bench.projection.store == "postgres":
        assert plan.rows == {"totals": 20, "seen": 30, "daily": 2}
        assert (plan.bytes or 0) > 0
    else:
        assert (plan.rows, plan.bytes) == ({"totals": 1}, None)
    assert (await _plan(bench, RebuildOptions(rate=11))).seconds == 3.0


@both_stores
async def test_a_dry_run_tells_what_a_killed_rebuild_left_and_estimates_by_the_last_one(bench: Bench) -> None:
    never = await _plan(bench)
    assert (never.serving_generation, never.rows, never.lines()[0]) == (
        None,
        {},
        f"{bench.projection.name}: has never run; the code is version 1; it begins anew",
    )
    await bench.writer.append(0, [received("a") for _ in range(300)])
    await Run(uuid4(), [bench.projection], DEFAULTS, 1).go(bench.settings, quiet())
    again = await _plan(bench)
    assert (again.serving_generation, (again.seconds or 0) > 0) == (2, True)
    seen: list[int] = []
    async with running(rebuild(bench, seen=seen.append, options=RebuildOptions(rate=100))):
        await until(lambda: _sum(seen), lambda passed: passed >= 25)
    left = await _plan(bench)
    assert left.resumes_generation == 3
    assert 0 < left.to_read < 303
    assert (await _plan(bench, RebuildOptions(anew=True))).to_read == 303


async def test_a_dry_run_over_tables_of_an_older_release_tells_what_a_rebuild_left_and_changes_nothing(
    bench: Bench, own: Settings
) -> None:
    connection = await asyncpg.connect(own.dsn)
    await create_control_tables(connection)
    await connection.execute(OLDER)
    name = bench.projection.name
    await connection.execute("INSERT INTO stockroom.projections VALUES ($1, 1, 4, 5, 1, true)", name)
    left = "INSERT INTO stockroom.projection_offsets VALUES ($1, 5, 1, $1, 0, 1)"
    await connection.execute(left, name)
    before = await connection.fetch(COLUMNS)
    [plan] = await plan_all(own, [bench.projection], DEFAULTS)
    assert await connection.fetch(COLUMNS) == before
    await connection.close()
    assert (plan.serving_generation, plan.resumes_generation, plan.events) == (4, 5, {0: 1, 1: 1, 2: 1})
    assert (plan.to_read, plan.seconds) == (2, None)


async def _sum(seen: list[int]) -> int:
    return sum(seen)


@both_stores
async def test_a_limited_rebuild_takes_its_time(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(300)])
    report = await rebuild(bench, options=RebuildOptions(rate=400))
    assert report.events == 303
    assert report.seconds >= 300 / 400
    assert await bench.totals() == {"a": 300}


async def test_a_limit_lets_no_more_pass_than_its_rate_and_does_not_make_up_for_a_pause() -> None:
    limit = RateLimit(1_000)
    assert (limit.chunk(20_000), limit.chunk(7), RateLimit(1).chunk(100), RateLimit().chunk(20_000)) == (
        250,
        7,
        1,
        20_000,
    )
    assert RateLimit(math.inf).chunk(7) == 7
    for _ in range(2):
        began = time.monotonic()
        for _ in range(4):
            await limit.passed(50)
        assert time.monotonic() - began >= 0.19
