"""A rollback that loses a server is done or is not: never half, and no lock waits for Redis."""

import asyncio
from typing import Any

import pytest

from projectors.back_off import AWAY
from projectors.rebuilds import rollback
from projectors.stores.audit import audit_generation
from projectors.stores.connect import connect_redis
from projectors.stores.control_tables import Connection
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received
from tests.support.cable import cable_to_redis
from tests.support.poll import until

pytestmark = pytest.mark.parametrize("store", ["redis"])


async def _rebuilt(bench: Bench, version: int = 1) -> None:
    """Generation 2, of a version, serves, and 1, which is kept and of version 1, lacks what came since."""
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
    bench.projection = bench.projection._replace(version=version)
    await rebuild(bench)
    async with bench.working():
        await bench.writer.append(0, [received("a", 2)])
        await bench.until_totals({"a": 3})


async def test_without_postgresql_at_its_end_nothing_has_changed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await _rebuilt(bench)

    async def terminated(connection: Connection, *args: Any) -> None:
        await audit_generation(connection, *args)
        pid = connection.get_server_pid()
        assert await bench.pool.fetchval("SELECT pg_terminate_backend($1, 10000)", pid)

    monkeypatch.setattr(rollback, "audit_generation", terminated)
    with pytest.raises(AWAY):
        await rollback.roll_back(bench.pool, bench.redis, bench.projection, "staff:test")
    assert (await generation(bench), await bench.totals()) == (2, {"a": 3})


@pytest.mark.parametrize(("version", "after"), [(1, {"a": 3}), (2, {"a": 1})])
async def test_a_redis_that_hangs_at_its_end_follows_later_also_to_another_version_than_the_code_s(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, version: int, after: dict[str, int]
) -> None:
    await _rebuilt(bench, version)
    monkeypatch.setattr(rollback, "ANSWER_SECONDS", 0.3)
    async with cable_to_redis(bench.settings) as (cable, settings), connect_redis(settings) as redis:

        async def hanging(*args: Any) -> None:
            await audit_generation(*args)
            cable.freeze()

        monkeypatch.setattr(rollback, "audit_generation", hanging)
        async with asyncio.timeout(20):
            done = await rollback.roll_back(bench.pool, redis, bench.projection, "staff:test")
        assert (done.generation, await generation(bench), await bench.totals()) == (1, 1, {"a": 3})
        assert done.line().endswith("queries follow as soon as it does and projectors run.")
        lock = "SELECT name FROM stockroom.projections WHERE name = $1 FOR UPDATE NOWAIT"
        assert await bench.pool.fetchval(lock, bench.projection.name)
    async with bench.working():
        await until(lambda: bench.redis.get(f"active:{bench.projection.name}"), lambda active: active == b"1")
        await bench.until_totals(after)
