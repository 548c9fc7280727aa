"""Where a benchmark runs: the whole product in a temporary home on free ports, gone at the end."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from benchmarks.child import run_module
from infra.launcher.fresh import fresh_settings
from infra.launcher.supervised import Supervised
from infra.launcher.whole import running_whole
from infra.settings import Settings


class CommandFailed(Exception):
    """A command of the product that the benchmark runs ended with another code than 0; the message is its output."""


class NotReached(Exception):
    """Something that should have come about in time did not; the message says what."""


class Stage(NamedTuple):
    """The running product: its settings, clients of its two APIs, and what runs by name."""

    settings: Settings
    command: httpx.AsyncClient
    query: httpx.AsyncClient
    members: dict[str, Supervised]


@asynccontextmanager
async def running_stage(projectors: int = 1) -> AsyncIterator[Stage]:
    """Start servers, topics and processes; stop them and remove their home at the end. Raises `StartFailed`."""
    with tempfile.TemporaryDirectory(prefix="stockroom-bench-") as folder:
        settings = fresh_settings(Path(folder)).model_copy(update={"projectors": projectors})
        async with (
            running_whole(settings) as members,
            httpx.AsyncClient(base_url=settings.command_api_url, timeout=60, trust_env=False) as command,
            httpx.AsyncClient(base_url=settings.query_api_url, timeout=60, trust_env=False) as query,
        ):
            yield Stage(settings, command, query, members)


async def stockroom(*arguments: str) -> str:
    """Run a command of the product on the stage and give its output. Raises `CommandFailed`."""
    ended = await run_module("infra.cli", *arguments)
    if ended.code != 0:
        raise CommandFailed(f"{' '.join(arguments)} ended with {ended.code}:\n{ended.output}{ended.errors}")
    return ended.output + ended.errors
