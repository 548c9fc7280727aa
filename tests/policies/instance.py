"""Real instances of the command API in this process, each reached through a cable only, as if it ran elsewhere."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx

from command_api.app import create_app
from command_api.instance import run_instance
from infra.launcher.ports import free_ports
from infra.settings import REPOSITORY, Settings
from tests.support.cable import Cable
from tests.support.poll import until

GROUP = "command-api-of-policies"
"""The group of these instances: no others get shards in it."""


class Place(NamedTuple):
    """Where an instance can run: its own port, and the address that leads there through a cable."""

    port: int
    cable: Cable

    @property
    def address(self) -> str:
        """Base URL through the cable: the one that its routing table names."""
        return f"http://127.0.0.1:{self.cable.port}"

    async def shards(self) -> set[int]:
        """The shards that the group has given to the instance here, as it says itself; none while it is not ready."""
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}") as http:
            try:
                ready, told = await http.get("/ready"), (await http.get("/routing")).json()
            except httpx.HTTPError:
                return set()
        owners = told["owners"] if ready.is_success else {}
        return {int(shard) for shard, address in owners.items() if address == self.address}


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """A place for an instance, with nothing in it yet."""
    (port,) = free_ports(1)
    async with Cable("127.0.0.1", port) as cable:
        yield Place(port, cable)


@asynccontextmanager
async def instance_at(place: Place, settings: Settings) -> AsyncIterator[None]:
    """Runs an instance there until the end of the block, ready from the beginning; then it leaves its group."""
    own = settings.model_copy(
        update={
            "command_api_port": place.port,
            "advertised_address": place.address,
            "command_api_group": GROUP,
        }
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_instance(create_app(own), own, stop))
        try:
            await until(place.shards, bool)
            yield
        finally:
            stop.set()


@asynccontextmanager
async def process_at(place: Place) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs an instance there as a process, ready from the beginning; it is killed at the end of the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "command_api",
        cwd=REPOSITORY,
        env={
            **os.environ,
            "STOCKROOM_COMMAND_API_PORT": str(place.port),
            "STOCKROOM_ADVERTISED_ADDRESS": place.address,
            "STOCKROOM_COMMAND_API_GROUP": GROUP,
        },
    )
    try:
        await until(place.shards, bool)
        yield process
    finally:
        process.kill()
        await process.wait()
