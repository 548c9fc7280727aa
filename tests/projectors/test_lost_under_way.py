"""A read model or a database that is lost under running projectors: they go on once it is there again."""

import asyncio
import os
import sys
from functools import partial
from urllib.parse import urlsplit

import asyncpg
import pytest

from infra.settings import REPOSITORY, Settings
from projectors.engine.status import State, Status
from projectors.engine.workers import TablesGone
from projectors.rebuilds.options import RebuildOptions
from tests.projectors.rebuilding import rebuild
from tests.projectors.tiny import Bench, received
from tests.streams.conftest import free_port
from tests.support.poll import until


async def _state(status: Status) -> State:
    return status.state


@pytest.mark.parametrize("store", ["redis"])
async def test_a_projection_stopped_by_a_damaged_store_goes_on_after_a_rebuild_without_a_restart(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    async with bench.working() as status:
        await bench.until_totals({"a": 1})
        await bench.redis.hset(f"{bench.projection.name}:1:pos", "damaged", "ERR no number")
        await bench.writer.append(0, [received("a", 2)])
        await until(partial(_state, status), lambda state: state is State.STOPPED)
        await rebuild(bench, options=RebuildOptions(accept=True))
        await bench.until_totals({"a": 3})
        await bench.writer.append(0, [received("b")])
        await bench.until_totals({"a": 3, "b": 1})
        assert (status.state, status.generation) == (State.RUNNING, 2)


async def test_a_projection_whose_row_is_gone_ends_all_with_the_reason(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    projecting = asyncio.create_task(bench.engine().run())
    await bench.until_totals({"a": 1})
    await bench.pool.execute("DELETE FROM stockroom.projections WHERE name = $1", bench.projection.name)
    await bench.writer.append(0, [received("a")])
    async with asyncio.timeout(30):
        with pytest.RaisesGroup(TablesGone, flatten_subgroups=True):
            await projecting


async def test_projectors_whose_database_came_back_empty_end_with_a_message_and_the_next_make_the_tables(
    own: Settings, postgres: asyncpg.Pool, unique: str
) -> None:
    redis = urlsplit(own.redis_address)._replace(path="/8").geturl()
    servers = {"STOCKROOM_POSTGRES_DSN": own.dsn, "STOCKROOM_REDIS_URL": redis}

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "projectors"),
            cwd=REPOSITORY,
            env={**os.environ, **servers, "STOCKROOM_PROJECTORS_PORT": str(free_port())},
            stdout=asyncio.subprocess.PIPE,
        )

    async def filled() -> int:
        try:
            connection = await asyncpg.connect(own.dsn)
        except asyncpg.PostgresError:
            return 0
        try:
            return int(await connection.fetchval("SELECT count(*) FROM stockroom.workers, stockroom.projections"))
        except asyncpg.UndefinedTableError:
            return 0
        finally:
            await connection.close()

    process = await start()
    try:
        await until(filled, bool)
        await postgres.execute(f"DROP DATABASE {unique} WITH (FORCE)")
        await postgres.execute(f"CREATE DATABASE {unique}")
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
        assert process.returncode == 1
        assert b"tables_gone" in output
        assert b"Traceback" not in output
        process = await start()
        await until(filled, bool)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
