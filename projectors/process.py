"""The process of projectors: the engine, and its HTTP beside it."""

import asyncio
from contextlib import AsyncExitStack

import structlog

from infra.http.serve import serve, stop_on_signals
from infra.process import run_process
from infra.reason import reason
from infra.settings import Settings
from projectors.app import create_app
from projectors.engine.engine import Engine
from projectors.engine.projecting import project
from projectors.engine.workers import TablesGone
from projectors.read_models.registry import PROJECTIONS
from projectors.stores.connect import HELD_SECONDS, connect_postgres, connect_redis

log = structlog.get_logger()


async def run(config: Settings) -> None:
    """Project and answer on the health port until SIGTERM or SIGINT. Raises `PortTaken`."""
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(connect_postgres(config, held_seconds=HELD_SECONDS))
        redis = connect_redis(config)
        stack.push_async_callback(redis.aclose)
        engine = Engine(config, pool, redis, PROJECTIONS)
        projecting = asyncio.create_task(project(config, engine))
        projecting.add_done_callback(lambda _: stop.set())
        try:
            await serve(create_app(engine), config.host, config.projectors_port, stop)
        finally:
            projecting.cancel()
            await asyncio.wait({projecting})
            await engine.workers.leave()
        if not projecting.cancelled():
            projecting.result()


def main() -> int:
    """Run until told to stop; the exit code, 1 when a port is taken or the database came back empty."""
    try:
        run_process(run)
    except BaseExceptionGroup as several:
        gone = several.subgroup(TablesGone)
        if gone is None:
            raise
        log.critical("projectors end", alarm=TablesGone.code, error=reason(_only(gone)))
        return 1
    return 0


def _only(error: BaseException) -> BaseException:
    return _only(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error
