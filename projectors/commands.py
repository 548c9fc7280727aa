"""What operators do with projections: `rebuild`, `rollback` and `dlq`.

Apart from the process that projects: with its web framework a command would take twice as long to start.
"""

import typer

from infra.process import FILLING, run_process
from infra.settings import Settings
from projectors.dead_letters import command as dlq_command
from projectors.rebuilds import bulk_worker
from projectors.rebuilds.command import rebuild
from projectors.rebuilds.rollback_command import rollback

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__)
cli.add_typer(dlq_command.cli, name="dlq")
cli.command()(rebuild)
cli.command()(rollback)


@cli.command(hidden=True)
def fill(share: str) -> None:
    """A worker process of a rebuild: fill what its argument says."""
    codes: list[int] = []

    async def filling(config: Settings) -> None:
        codes.append(await bulk_worker.fill(config, bulk_worker.Share.from_json(share)))

    run_process(filling, FILLING)
    raise typer.Exit(codes[0])
