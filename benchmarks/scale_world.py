"""A world of the scale benchmark: servers of its own, and command APIs on them as processes of their own."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from benchmarks.stage import NotReached
from infra.create_topics import create_topics
from infra.launcher.fresh import fresh_settings
from infra.launcher.home import Home
from infra.launcher.processes import process_programs
from infra.launcher.supervised import Supervised
from infra.servers.running import running_servers
from infra.settings import Settings

READY_SECONDS = 300.0


@dataclass(frozen=True)
class World:
    """Servers with topics. Nothing of the product runs on them but what `start` starts."""

    settings: Settings
    servers: dict[str, Supervised]

    async def start(self, number: int = 0, stop_signal: signal.Signals = signal.SIGTERM) -> Supervised:
        """The command API of that number, from 0, once it is ready. Its `stop` sends `stop_signal`; what ends in
        another way is started again in place. Raises `NotReached`."""
        both = self.settings.model_copy(update={"command_apis": number + 1})
        program = process_programs(both, Home.of(self.settings))[number]
        # Several worlds run beside each other, so nothing may come from the environment.
        environment = {**environment_of(self.settings), **program.environment}
        member = Supervised(replace(program, environment=environment, stop_signal=stop_signal), Home.of(self.settings))
        member.start()
        try:
            async with asyncio.timeout(READY_SECONDS):
                await member.is_ready.wait()
        except BaseException as error:
            reason = member.reason
            await member.stop()
            if isinstance(error, TimeoutError):
                raise NotReached(f"{program.name} is not ready after {READY_SECONDS:.0f} s: {reason}") from error
            raise
        return member

    @asynccontextmanager
    async def started(self, number: int = 0, stop_signal: signal.Signals = signal.SIGTERM) -> AsyncIterator[Supervised]:
        """`start`, and `stop` at the end."""
        member = await self.start(number, stop_signal)
        try:
            yield member
        finally:
            await member.stop()


def client_of(member: Supervised) -> httpx.AsyncClient:
    """A client of a command API."""
    return httpx.AsyncClient(base_url=member.program.address, timeout=30, trust_env=False, verify=False)


def environment_of(settings: Settings) -> dict[str, str]:
    """The settings as a process reads them."""
    return {f"STOCKROOM_{name.upper()}": str(value) for name, value in settings if value is not None}


@asynccontextmanager
async def running_world() -> AsyncIterator[World]:
    """Start servers and topics; stop them and remove their home at the end. Raises `CannotStart` or `StartFailed`."""
    with tempfile.TemporaryDirectory(prefix="stockroom-bench-") as folder:
        settings = fresh_settings(Path(folder))
        async with running_servers(settings) as servers:
            await create_topics(settings)
            yield World(settings, {member.program.name: member for member in servers.members})
