"""`status`: what runs, since when, how big, whether it is ready; and how far each projection is."""

import asyncio
import time
from typing import Any

import httpx
import psutil
import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from infra.commands.out_of_date import out_of_date
from infra.launcher.display import console as make_console
from infra.launcher.fitted_table import fitted
from infra.launcher.home import Home
from infra.launcher.processes import alarms, process_programs
from infra.launcher.program import CannotStart, NotReady, Program
from infra.launcher.record import ProcessRecord, read
from infra.launcher.state import as_started, running_supervisor
from infra.servers.embedded import embedded_programs
from infra.settings import Settings, settings

NOT_ALL_READY = 3
CHECK_SECONDS = 6.0
HEADINGS = ("name", "state", "pid", "uptime", "memory", "port", "ready")
COLUMNS = {
    "projection": "name",
    "topic": "topic",
    "version": "version",
    "gen": "generation",
    "behind": "lag_events",
    "seconds": "lag_seconds",
    "parked": "parked",
    "void": "void",
    "error": "error",
}
"""Heading and key of the projections' table: narrow, so that it fits 80 columns."""


def status() -> None:
    """What runs, and how far each projection is. Exit code 0 when all is ready, else 3."""
    console = make_console()
    home = Home.of(settings())
    configuration = as_started(settings(), home)
    try:
        processes = process_programs(configuration, home)
        programs = [*embedded_programs(configuration, home), *processes]
    except CannotStart as error:
        console.print(escape(str(error)))
        raise typer.Exit(NOT_ALL_READY) from error
    answers, alarming = asyncio.run(_ask_all(programs, processes))
    rows = [_row(each, read(home.run / f"{each.name}.json"), answers[each.name]) for each in programs]
    console.print(process_table(rows))
    for line in alarming:
        console.print(line, style="yellow", markup=False)
    if running_supervisor(home) is None:
        console.print(f"\nNo supervisor runs for {escape(str(home.root))}: ./stockroom up")
    projections = _projections(configuration)
    if projections:
        console.print()
        console.print(projection_table(projections))
        for line in out_of_date(projections):
            console.print(line, style="yellow", markup=False, soft_wrap=True)
    if any(answers.values()) or running_supervisor(home) is None:
        raise typer.Exit(NOT_ALL_READY)


async def _ask_all(programs: list[Program], processes: list[Program]) -> tuple[dict[str, str], list[str]]:
    """Why each program is not ready, by name; and the alarms of the processes, a line each."""
    reasons, told = await asyncio.gather(
        _check_all(programs), asyncio.gather(*(alarms(each.address) for each in processes))
    )
    return reasons, [
        f"alarm: {each.name}: {text}" for each, texts in zip(processes, told, strict=True) for text in texts
    ]


async def _check_all(programs: list[Program]) -> dict[str, str]:
    """Why each program is not ready, by name; empty when it is."""

    async def check(program: Program) -> str:
        try:
            await asyncio.wait_for(program.check(), CHECK_SECONDS)
        except NotReady as error:
            return str(error)
        except TimeoutError:
            return f"no answer within {CHECK_SECONDS:.0f} s"
        return ""

    reasons = await asyncio.gather(*(check(program) for program in programs))
    return {program.name: reason for program, reason in zip(programs, reasons, strict=True)}


def process_table(rows: list[tuple[str, ...]]) -> Table:
    """What runs, a row each under `HEADINGS`, at most 160 characters wide; reasons are cut to fit."""
    table = Table(*HEADINGS, box=None, pad_edge=False)
    for name, state, *figures, ready in fitted(HEADINGS, rows):
        answer = Text.assemble(("no", "red"), ready[2:]) if ready.startswith("no") else Text(ready, "green")
        table.add_row(name, Text(state, "" if state == "running" else "red"), *figures, answer)
    return table


def _row(program: Program, record: ProcessRecord | None, reason: str) -> tuple[str, ...]:
    port = str(next(iter(program.ports.values())))
    ready = f"no: {reason}" if reason else "yes"
    process = record.process() if record is not None else None
    if process is None:
        return program.name, "stopped", "-", "-", "-", port, ready
    try:
        family = [process, *process.children(recursive=True)]
        memory = sum(_own_memory(each) for each in family)
        uptime = _short(time.time() - process.create_time())
    except psutil.NoSuchProcess:
        return program.name, "ended", "-", "-", "-", port, ready
    return program.name, "running", str(process.pid), uptime, f"{memory / 1e6:.0f} MB", port, ready


def _own_memory(process: psutil.Process) -> int:
    """Bytes that only this process has: PostgreSQL's shared buffers would else count once for each of its processes."""
    try:
        return int(process.memory_full_info().uss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def _short(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _projections(configuration: Settings) -> list[dict[str, Any]]:
    """What the query API says of the projections; nothing when it does not answer, which the table above has shown."""
    try:
        response = httpx.get(f"{configuration.query_api_url}/v1/projections", timeout=CHECK_SECONDS, trust_env=False)
        body = response.json() if response.status_code == httpx.codes.OK else []
    except (httpx.HTTPError, ValueError):
        return []
    found = body.get("projections", body.get("items", [])) if isinstance(body, dict) else body
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def projection_table(projections: list[dict[str, Any]]) -> Table:
    """How far each projection is; `error` has a column only when one has an error."""
    columns = {
        heading: key for heading, key in COLUMNS.items() if key != "error" or any(p.get(key) for p in projections)
    }
    table = Table(*columns, box=None, pad_edge=False)
    rows = [["-" if each.get(key) is None else str(each[key]) for key in columns.values()] for each in projections]
    for row in fitted(list(columns), rows):
        table.add_row(*map(escape, row))
    return table
