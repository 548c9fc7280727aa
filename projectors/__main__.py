"""`python -m projectors` runs the engine; `rebuild`, `rollback` and `dlq` are commands beside it."""

import asyncio
from contextlib import AsyncExitStack

import structlog
import typer

from infra.http.serve import serve, stop_on_signals
from infra.process import FILLING, run_process
from infra.reason import reason
from infra.settings import Settings
from projectors.app import create_app
from projectors.dead_letters import command as dlq_command
from projectors.engine.engine import Engine
from projectors.engine.projecting import project
from projectors.engine.workers import TablesGone
from projectors.read_models.registry import PROJECTIONS
from projectors.rebuilds import bulk_worker
from projectors.rebuilds.command import rebuild
from projectors.rebuilds.rollback_command import rollback
from projectors.stores.connect import HELD_SECONDS, connect_postgres, connect_redis

log = structlog.get_logger()

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


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


cli.add_typer(dlq_command.cli, name="dlq")
cli.command()(rebuild)
cli.command()(rollback)


@cli.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Run the engine, unless a command is named. Exit 1: a port is taken, or the database came back empty."""
    if context.invoked_subcommand is None:
        try:
            run_process(run)
        except BaseExceptionGroup as several:
            gone = several.subgroup(TablesGone)
            if gone is None:
                raise
            log.critical("projectors end", alarm=TablesGone.code, error=reason(_only(gone)))
            raise typer.Exit(1) from several


def _only(error: BaseException) -> BaseException:
    return _only(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


@cli.command(hidden=True)
def fill(share: str) -> None:
    """A worker process of a rebuild: fill what its argument says."""
    codes: list[int] = []

    async def filling(config: Settings) -> None:
        codes.append(await bulk_worker.fill(config, bulk_worker.Share.from_json(share)))

    run_process(filling, FILLING)
    raise typer.Exit(codes[0])


if __name__ == "__main__":
    cli(prog_name="./stockroom")
