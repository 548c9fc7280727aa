"""The whole product for the time of a block: servers, topics and processes; or the processes alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.create_topics import create_topics
from infra.launcher.group import Group
from infra.launcher.home import Home
from infra.launcher.processes import process_programs
from infra.launcher.supervised import Supervised
from infra.servers.running import running_servers
from infra.settings import Settings


@asynccontextmanager
async def running_processes(settings: Settings, seconds: float = 60.0) -> AsyncIterator[Group]:
    """Starts the processes on servers and topics that are there, keeps them running, and stops them at the end.

    Raises `StartFailed` when one is not ready within `seconds`.
    """
    home = Home.of(settings)
    group = Group(process_programs(settings, home), home)
    try:
        await group.start(seconds)
        yield group
    finally:
        await group.stop(in_turn=True)


@asynccontextmanager
async def running_whole(settings: Settings) -> AsyncIterator[dict[str, Supervised]]:
    """Starts servers, topics and processes in that order, and stops all at the end; yields what runs, by name.

    Raises `CannotStart` or `StartFailed`.
    """
    async with running_servers(settings) as servers:
        await create_topics(settings)
        async with running_processes(settings, settings.start_seconds) as processes:
            yield {member.program.name: member for member in [*servers.members, *processes.members]}
