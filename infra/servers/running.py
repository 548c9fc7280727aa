"""The embedded servers for the time of a block: what tests and benchmarks stand on."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from infra.launcher.group import Group
from infra.launcher.home import Home
from infra.launcher.ports import complaints
from infra.launcher.program import CannotStart
from infra.servers.embedded import embedded_programs, fetch_what_is_missing
from infra.settings import Settings


@asynccontextmanager
async def running_servers(
    settings: Settings, progress: Callable[[int, int], None] = lambda *_: None
) -> AsyncIterator[Group]:
    """Starts the embedded servers of these settings, keeps them running, and stops them at the end of the block.

    Yields the group: `group["kafka"].pid`, `.stop()`, `.start()`. Topics are not created. Raises `CannotStart` when a
    port is taken or a binary is missing, `StartFailed` when a server does not become ready.
    """
    home = Home.of(settings)
    fetch_what_is_missing(settings, home, progress)
    programs = embedded_programs(settings, home)
    if wrong := complaints(settings.host, programs):
        raise CannotStart("\n".join(wrong))
    group = Group(programs, home)
    try:
        await group.start(settings.start_seconds)
        yield group
    finally:
        await group.stop(in_turn=False)
