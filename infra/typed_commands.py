"""Typer over the table of commands: help comes from the table, and only the command that is called is imported."""

from collections.abc import Sequence

import typer

from infra.command import Command


def run_typed(table: Sequence[Command], arguments: list[str]) -> int:
    """Runs one command of the table; its exit code. Wrong options are explained and give 2."""
    app = typer.Typer(
        name="stockroom",
        help="Stockroom: one stock, two ways out. Everything runs on this machine, on loopback.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # With a callback it stays a group of commands, however few there are.
    app.callback()(lambda: None)
    for command in table:
        is_called = arguments[:1] == [command.name]
        app.command(command.name, help=None if is_called else command.summary)(
            command.load() if is_called else lambda: None
        )
    try:
        app(arguments, prog_name="stockroom")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0
