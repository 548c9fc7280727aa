"""`./stockroom rebuild`."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID, uuid4

import orjson
import typer
from rich.console import Console

from infra.logs import configure_beside_answer, configure_words
from infra.process import FILLING, run_process
from infra.settings import Settings
from projectors.read_models.registry import PROJECTIONS, named
from projectors.rebuilds.compare import NotSwitched
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.plan import plan_all
from projectors.rebuilds.progress import Progress
from projectors.rebuilds.row import RebuildStopped
from projectors.rebuilds.run import Run

_LEFT = "what is not told as done is left where it stands, serves as before, and the same command goes on with it"
CANCELLED, INTERRUPTED = f"cancelled: {_LEFT}", f"interrupted: {_LEFT}"
INTERRUPTED_CODE = 130
"""Of a command that Ctrl-C ended, as shells have it."""


def rebuild(
    names: Annotated[list[str] | None, typer.Argument(help="Projections to rebuild.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Rebuild every projection.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do, and change nothing.")] = False,
    processes: Annotated[
        int, typer.Option("--partitions-in-parallel", min=1, help="Processes that read partitions side by side.")
    ] = os.cpu_count() or 1,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Read so many events a second at most, in one process.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Switch although rows differ, or could not be compared.")
    ] = False,
    anew: Annotated[bool, typer.Option("--anew", help="Drop what an earlier rebuild left, and fill again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Say it as one JSON object; progress on stderr.")] = False,
    run: Annotated[UUID | None, typer.Option("--id", hidden=True)] = None,
) -> None:
    """Fill a new generation beside the serving one, compare, then switch at once.

    Exit 2: unknown name; 1: refused, failed or cancelled; 3: not switched, since rows differ at the same version and
    events; 4: not switched, since what serves has the same version and could not be compared, or stands beyond the
    log's end; 130: interrupted.
    """
    if every == bool(names):
        sys.stderr.write("give names or --all, not both\n" if every else "give names, or --all\n")
        raise typer.Exit(2)
    try:
        chosen = list(PROJECTIONS) if every else [named(name) for name in dict.fromkeys(names or [])]
    except KeyError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        raise typer.Exit(2) from error
    options = RebuildOptions(accept=accept, anew=anew, rate=rate)

    async def plan(settings: Settings) -> None:
        plans = await plan_all(settings, chosen, options)
        if json:
            _say({"plans": [{**one._asdict(), "fits": one.fits} for one in plans]})
        else:
            lines = [line for one in plans for line in one.lines()]
            lines += [f"{one.projection}: the disk has too little room" for one in plans if not one.fits]
            sys.stdout.write("".join(f"{line}\n" for line in lines))

    async def act(settings: Settings) -> None:
        one = Run(run or uuid4(), chosen, options, processes)
        reports = await one.go(settings, Progress(Console(stderr=True) if json else None))
        if json:
            _say({"id": str(one.id), "rebuilt": [report.described() for report in reports]})

    _end(plan if dry_run else act, json)


def _end(main: Callable[[Settings], Coroutine[Any, Any, None]], json: bool) -> None:
    try:
        run_process(main, FILLING, configure_beside_answer if json else configure_words)
    except RebuildStopped as error:
        sys.stderr.write(f"{error}\n")
        if json:
            compared = error.comparison.described() if isinstance(error, NotSwitched) else None
            _say({"code": error.code, "error": str(error), "compared": compared})
        raise typer.Exit(error.exit_code) from error
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        interrupted = isinstance(error, KeyboardInterrupt)
        told = INTERRUPTED if interrupted else CANCELLED
        sys.stderr.write(f"{told}\n")
        if json:
            _say({"code": "rebuild_cancelled", "error": told})
        raise typer.Exit(INTERRUPTED_CODE if interrupted else 1) from error


def _say(told: Any) -> None:
    sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS) + b"\n")
