"""`python -m projectors` runs the engine; `rebuild` and `dlq` are commands beside it."""

import asyncio
import sys
from contextlib import AsyncExitStack

import typer

from infra.http.serve import serve, stop_on_signals
from infra.process import run_process
from infra.settings import Settings
from projectors import dlq_command
from projectors.app import create_app
from projectors.engine import Engine, connect_postgres, connect_redis
from projectors.rebuild import RebuildRefused, rebuild_all
from projectors.rebuild_options import RebuildOptions
from projectors.registry import PROJECTIONS, named

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


async def run(config: Settings) -> None:
    """Project and answer on the health port until SIGTERM or SIGINT. Raises `PortTaken`."""
    stop = stop_on_signals()
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(connect_postgres(config))
        redis = connect_redis(config)
        stack.push_async_callback(redis.aclose)
        engine = Engine(config, pool, redis, PROJECTIONS)
        projecting = asyncio.create_task(engine.run())
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


@cli.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Run the engine, unless a command is named."""
    if context.invoked_subcommand is None:
        run_process(run)


@cli.command()
def rebuild(
    names: list[str] = typer.Argument(None, help="Projections to rebuild."),  # noqa: B008
    every: bool = typer.Option(False, "--all", help="Rebuild every projection."),
    accept: bool = typer.Option(False, "--accept", help="Switch although rows differ from those that serve."),
    anew: bool = typer.Option(False, "--anew", help="Drop what an earlier rebuild left, instead of going on with it."),
) -> None:
    """Fill a new generation beside the serving one, compare, then switch at once.

    Exit 2: unknown name; 1: refused; 3: not switched, since rows differ though version and events are the same.
    """
    if every == bool(names):
        sys.stderr.write("give names or --all, not both\n" if every else "give names, or --all\n")
        raise typer.Exit(2)
    try:
        chosen = list(PROJECTIONS) if every else [named(name) for name in dict.fromkeys(names)]
    except KeyError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        raise typer.Exit(2) from error
    options = RebuildOptions(accept=accept, anew=anew)
    try:
        run_process(lambda configuration: rebuild_all(configuration, chosen, options))
    except RebuildRefused as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(error.exit_code) from error


if __name__ == "__main__":
    cli()
