"""`status`: what runs, since when, how big, whether it is ready; and how far each projection is."""

import asyncio
import time
from typing import Any

import httpx
import psutil
import typer
from rich.markup import escape
from rich.table import Table

from infra.launcher.display import console as make_console
from infra.launcher.home import Home
from infra.launcher.processes import process_programs
from infra.launcher.program import CannotStart, NotReady, Program
from infra.launcher.record import ProcessRecord, read
from infra.launcher.state import running_supervisor
from infra.servers.embedded import embedded_programs
from infra.settings import Settings, settings

NOT_ALL_READY = 3
CHECK_SECONDS = 6.0


def status() -> None:
    """What runs, and how far each projection is. Exit code 0 when all is ready, else 3."""
    configuration, console = settings(), make_console()
    home = Home.of(configuration)
    try:
        programs = [*embedded_programs(configuration, home), *process_programs(configuration, home)]
    except CannotStart as error:
        console.print(escape(str(error)))
        raise typer.Exit(NOT_ALL_READY) from error
    answers = asyncio.run(_check_all(programs))
    table = Table("name", "state", "pid", "uptime", "memory", "port", "ready", box=None, pad_edge=False)
    for program in programs:
        table.add_row(*_row(program, read(home.run / f"{program.name}.json"), answers[program.name]))
    console.print(table)
    if running_supervisor(home) is None:
        console.print(f"\nNo supervisor runs for {escape(str(home.root))}: ./stockroom up")
    projections = _projections(configuration)
    if projections:
        console.print()
        console.print(_projection_table(projections))
    if any(answers.values()) or running_supervisor(home) is None:
        raise typer.Exit(NOT_ALL_READY)


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


def _row(program: Program, record: ProcessRecord | None, reason: str) -> tuple[str, ...]:
    port = str(next(iter(program.ports.values())))
    ready = f"[red]no[/red]: {escape(reason)}" if reason else "[green]yes[/green]"
    process = record.process() if record is not None else None
    if process is None:
        return program.name, "[red]stopped[/red]", "-", "-", "-", port, ready
    try:
        family = [process, *process.children(recursive=True)]
        memory = sum(_own_memory(each) for each in family)
        uptime = _short(time.time() - process.create_time())
    except psutil.NoSuchProcess:
        return program.name, "[red]ended[/red]", "-", "-", "-", port, ready
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


def _projection_table(projections: list[dict[str, Any]]) -> Table:
    """Every plain value that the query API gives for a projection, in its order."""
    plain = (str, int, float, bool, type(None))
    names = list(dict.fromkeys(key for each in projections for key, value in each.items() if isinstance(value, plain)))
    table = Table(*names, box=None, pad_edge=False)
    for each in projections:
        table.add_row(*(escape("-" if each.get(name) is None else str(each[name])) for name in names))
    return table
