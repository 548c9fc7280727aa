"""`./stockroom rebuild`."""

import os
import sys

import typer

from infra.process import run_process
from projectors.rebuild import RebuildRefused, rebuild_all
from projectors.rebuild_options import RebuildOptions
from projectors.registry import PROJECTIONS, named


def rebuild(
    names: list[str] = typer.Argument(None, help="Projections to rebuild."),  # noqa: B008
    every: bool = typer.Option(False, "--all", help="Rebuild every projection."),
    accept: bool = typer.Option(False, "--accept", help="Switch although rows differ from those that serve."),
    anew: bool = typer.Option(False, "--anew", help="Drop what an earlier rebuild left, instead of going on with it."),
    processes: int = typer.Option(
        os.cpu_count() or 1, "--partitions-in-parallel", min=1, help="Processes that read partitions side by side."
    ),
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
    options = RebuildOptions(accept=accept, anew=anew, partitions_in_parallel=processes)
    try:
        run_process(lambda configuration: rebuild_all(configuration, chosen, options))
    except RebuildRefused as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(error.exit_code) from error
