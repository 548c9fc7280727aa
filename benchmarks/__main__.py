"""`./stockroom bench NAME`: runs a benchmark, prints its tables and writes `benchmarks/results/NAME.json`.

`./stockroom bench page` writes docs/measurements.md from all results.
"""

import gc
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console

from benchmarks import commands as commands_of
from benchmarks import commands_extent, projections_extent, queries_extent, scale_extent, starting
from benchmarks import freshness as freshness_of
from benchmarks import kills as kills_of
from benchmarks import projection_kills as projection_kills_of
from benchmarks import queries as queries_of
from benchmarks import retail as retail_of
from benchmarks import scale as scale_of
from benchmarks.figures import RESULTS, Result, Section
from benchmarks.machine import load, machine, now
from benchmarks.page import PAGE, page_of
from benchmarks.projections import PARTS
from benchmarks.retail_file import retail_file
from infra.launcher.display import console as make_console
from infra.process import READING

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help=__doc__)

Orders = Annotated[int, typer.Option(min=2, max=10_000, help="Orders one after another.")]
File = Annotated[Path | None, typer.Argument(help="A retail file, .csv.gz; else that of STOCKROOM_DATA, or a sample.")]
Times = Annotated[int, typer.Option(min=1, max=100, help="Warm starts.")]
Cold = Annotated[bool, typer.Option(help="Also from a clean clone: needs the network, and minutes.")]
Short = Annotated[bool, typer.Option("--short", help="A few seconds of measuring; nothing is written.")]
Only = Annotated[str | None, typer.Option(help=f"One part: {', '.join(PARTS)}; else all, one after another.")]
Save = Annotated[bool, typer.Option(help="Write the result beside the others.")]


@cli.command()
def freshness(orders: Orders = 200, save: Save = True) -> None:
    """How soon a query shows what a command did: target p99 of 150 ms."""
    _run("freshness", [] if orders == 200 else [f"--orders {orders}"], freshness_of.measure(orders), save=save)


@cli.command()
def retail(file: File = None, save: Save = True) -> None:
    """A whole retail file: import, the same import again, rebuild of everything: target 4 minutes for the first."""
    with retail_file(file) as (path, named):
        _run("retail", named, retail_of.measure(path), save=save)


@cli.command()
def kills(file: File = None, save: Save = True) -> None:
    """The same import with SIGKILL of every process and server in turn: the sums must be right all the same."""
    with retail_file(file) as (path, named):
        _run("kills", named, kills_of.measure(path), save=save)


@cli.command("projection-kills")
def projection_kills(short: Short = False, save: Save = True) -> None:
    """SIGKILL of projectors, PostgreSQL and Redis under load and during rebuilds: live = rebuilt = fold of the log."""
    measuring = projection_kills_of.measure(projection_kills_of.SHORT if short else projection_kills_of.FULL)
    _run("projection-kills", ["--short"] if short else [], measuring, save=save and not short)


@cli.command()
def start(times: Times = 3, cold: Cold = True, save: Save = True) -> None:
    """How long `up` and `demo` take, warm (target 15 s) and from a clean clone of what is committed."""
    arguments = [] if times == 3 else [f"--times {times}"]
    arguments += [] if cold else ["--no-cold"]
    _run("start", arguments, starting.measure(times, cold=cold), save=save)


@cli.command()
def commands(short: Short = False, save: Save = True) -> None:
    """Orders over HTTP: latency and rate, against a floor without an append and against eventsourcing on PostgreSQL."""
    saved = save and not short
    measuring = commands_of.measure(
        commands_extent.SHORT if short else commands_extent.FULL, RESULTS / "commands.png" if saved else None
    )
    _run("commands", ["--short"] if short else [], measuring, save=saved)


@cli.command()
def scale(short: Short = False, save: Save = True) -> None:
    """What 1,000,000 orders in the log cost: processor time of a command, take-over, memory."""
    measuring = scale_of.measure(scale_extent.SHORT if short else scale_extent.FULL)
    _run("scale", ["--short"] if short else [], measuring, save=save and not short)


@cli.command()
def projections(only: Only = None, short: Short = False, save: Save = True) -> None:
    """Read models: rebuilds against the same rows by hand, and how fresh they are. A result for each part."""
    extent = projections_extent.SHORT if short else projections_extent.FULL
    if only is not None and only not in PARTS:
        raise typer.BadParameter(f"no part is called {only!r}; known: {', '.join(PARTS)}")
    for name in PARTS if only is None else (only,):
        arguments = [f"--only {name}", *(["--short"] if short else [])]
        _run("projections", arguments, PARTS[name](extent), save=save and not short, part=name)


@cli.command()
def queries(short: Short = False, save: Save = True) -> None:
    """Order by id and top sellers beside bare handlers of the same rows: target 0.7; search in 100,000 products."""
    measuring = queries_of.measure(queries_extent.SHORT if short else queries_extent.FULL)
    _run("queries", ["--short"] if short else [], measuring, save=save and not short)


@cli.command()
def page() -> None:
    """Write docs/measurements.md from the results."""
    PAGE.write_text(page_of(Result.load(path) for path in sorted(RESULTS.glob("*.json"))))


def _run(
    name: str, arguments: list[str], measuring: Coroutine[Any, Any, list[Section]], *, save: bool, part: str = ""
) -> None:
    gc.set_threshold(*READING)
    console: Console = make_console()
    result = Result(
        f"{name}_{part}" if part else name, " ".join(["./stockroom bench", name, *arguments]), now(), machine()
    )
    sections = uvloop.run(measuring)
    result = replace(result, machine={**result.machine, "load_after": load()}, sections=sections)
    result.show(console)
    if save:
        console.print(f"written to {result.save()}")
    if not result.holds:
        console.print("A check does not hold.")
        raise typer.Exit(1)


if __name__ == "__main__":
    cli(prog_name="stockroom bench")
