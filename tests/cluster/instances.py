"""Command APIs of one group in this process, each on a port of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx

from command_api.app import create_app
from command_api.instance import run_instance
from command_api.request import command_identity, created_id
from infra.launcher.ports import free_ports
from infra.principal import OPERATOR
from infra.settings import Settings
from tests.support.poll import until


class Instance:
    """One command API in this process, with a port of its own."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"command_api_port": free_ports(1)[0]})
        self.url = self.settings.instance_address
        self.app = create_app(self.settings)
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(run_instance(self.app, self.settings, self._stop))

    @property
    def stopped(self) -> bool:
        """Whether it has been told to leave."""
        return self._stop.is_set()

    async def stop(self) -> None:
        """A proper leave."""
        self._stop.set()
        await asyncio.wait_for(self._running, 20)


@asynccontextmanager
async def running(settings: Settings, count: int) -> AsyncIterator[list[Instance]]:
    """So many instances in a group of their own, all ready, with the shards shared out among them."""
    settings = settings.model_copy(update={"command_api_group": f"instances-{uuid4()}"})
    instances = [Instance(settings) for _ in range(count)]
    try:
        async with httpx.AsyncClient(timeout=20) as client:
            await until(lambda: shared_out(client, instances), bool)
        yield instances
    finally:
        await asyncio.gather(*(instance.stop() for instance in instances if not instance.stopped))


async def shared_out(client: httpx.AsyncClient, instances: list[Instance]) -> bool:
    """Whether all say the same of who holds what, each holds something, and all are ready."""
    try:
        tables = [(await client.get(f"{each.url}/routing")).json().get("owners") for each in instances]
        ready = [(await client.get(f"{each.url}/ready")).status_code for each in instances]
    except httpx.HTTPError:
        return False
    same = all(table == tables[0] for table in tables) and bool(tables[0])
    return same and set(tables[0].values()) == {each.url for each in instances} and set(ready) == {200}


def new_product(unique: str, number: int) -> dict[str, Any]:
    """The body that adds a product."""
    return {"sku": f"{unique}-{number}".upper(), "kind": "GOOD", "name": "A thing", "price": 2.5}


def order_id_of(key: str) -> str:
    """The id of the order that is placed under an Idempotency-Key."""
    return created_id(command_identity(OPERATOR, "POST /v1/orders", key))
