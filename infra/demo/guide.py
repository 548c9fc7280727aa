"""What a step of the tour does and prints: a request, its answer, its events, the rows it changed, a command."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx
from rich.console import Console
from rich.table import Table

from event_schemas.record import LogRecord
from infra.demo.call import Call, TourStopped, answer_lines
from infra.demo.log_tail import LogTail
from infra.event_lines import as_text, place
from infra.settings import REPOSITORY


class Guide:
    """Leads through the steps; everything shown can be repeated by hand."""

    def __init__(self, console: Console, http: httpx.AsyncClient, postgres: asyncpg.Connection, tail: LogTail) -> None:
        self._console = console
        self._http = http
        self._postgres = postgres
        self._tail = tail
        self._number = 0

    def step(self, title: str, why: str) -> None:
        """Begin a step."""
        self._number += 1
        self._console.print(f"\n[bold]{self._number}. {title}[/bold]")
        self._console.print(why, markup=False)

    async def ask(self, call: Call, expected: int = 200) -> httpx.Response:
        """Make a request, show it as curl, show the answer. Raises `TourStopped` when the status is another."""
        self._console.print(f"\n$ {call.curl}", style="cyan", markup=False)
        began = time.perf_counter()
        reply = await call.made(self._http, expected)
        self._text([*answer_lines(reply), f"({(time.perf_counter() - began) * 1000:.1f} ms)"])
        return reply

    async def events(self, reply: httpx.Response, *until: str) -> list[LogRecord]:
        """Show the story of an answer until events of each of these types are in it. Raises `TourStopped`."""
        wanted = [f"{name}.v" for name in until]
        own = reply.headers["Consistency-Token"].split(",")[0]
        records = await self._tail.story(
            own.split(":", 1)[1],
            lambda types: all(any(one.startswith(name) for one in types) for name in wanted),
        )
        self._console.print("events in the log:")
        self._text([as_text(record) for record in records])
        return records

    async def rows(self, sql: str, *arguments: Any) -> None:
        """Show what a read model's tables hold, with the SQL that asks for it."""
        statement = sql
        for number, argument in enumerate(arguments, 1):
            statement = statement.replace(f"${number}", f"'{argument}'")
        self._console.print(f"rows: {statement}", style="cyan", markup=False)
        rows = await self._postgres.fetch(sql, *arguments)
        if not rows:
            raise TourStopped(f"no row answers to {statement}")
        table = Table(box=None, pad_edge=False)
        for name in rows[0].keys():  # noqa: SIM118 (a record iterates over its values)
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*("-" if value is None else str(value) for value in row.values()))
        self._console.print(table)

    async def command(self, *arguments: str) -> None:
        """Run a command of the product's own and show what it prints. Raises `TourStopped` when it fails."""
        self._console.print(f"\n$ ./stockroom {' '.join(arguments)}", style="cyan", markup=False)
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self._text(ended.stdout.splitlines())
        if ended.returncode:
            raise TourStopped(f"./stockroom {' '.join(arguments)} ended with {ended.returncode}")

    def _text(self, lines: Sequence[str]) -> None:
        for line in lines:
            self._console.print(f"    {line}", markup=False)


def token_of(reply: httpx.Response, records: Sequence[LogRecord]) -> str:
    """The Consistency-Token that covers these events: the last of each partition, behind the cluster of the answer."""
    cluster = reply.headers["Consistency-Token"].split(":", 1)[0]
    last = {(record.topic, record.partition): record for record in sorted(records, key=lambda record: record.offset)}
    return ",".join(f"{cluster}:{place(record)}" for record in last.values())
