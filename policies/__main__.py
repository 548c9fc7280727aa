"""``python -m policies`` runs the policies until it is told to stop; ``dlq`` is a command beside it."""

import typer

from infra.process import run_process
from policies.dead_letters import command as dlq_command
from policies.process import run

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)
cli.add_typer(dlq_command.cli, name="dlq")


@cli.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    """Run the policies, unless a command is named. Exit 1: the port is taken."""
    if context.invoked_subcommand is None:
        run_process(run)


if __name__ == "__main__":
    cli(prog_name="./stockroom")
