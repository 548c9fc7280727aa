"""The whole product as its users have it: four processes on real servers, reached over HTTP only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

from infra.launcher.group import Group
from infra.launcher.whole import running_processes
from infra.settings import Settings
from tests.support.poll import until

JsonObject = dict[str, Any]


class Product(NamedTuple):
    """The running product: clients of its two APIs, and its processes by name."""

    command: httpx.AsyncClient
    query: httpx.AsyncClient
    processes: Group

    async def add(self, sku: str, quantity: int, price: float = 249.99) -> JsonObject:
        """Add a product with stock; gives what the API answers."""
        body = {"name": f"Product {sku}", "sku": sku, "price": price, "quantity": quantity}
        answer = await self.command.post("/v1/products", json=body, headers={"Prefer": "wait=20"})
        assert answer.status_code == 201, answer.text
        shown: JsonObject = answer.json()
        return shown

    async def order(self, *items: tuple[str, int], wait: float = 20, **fields: Any) -> JsonObject:
        """Order (sku, quantity) pairs and wait for the order to be settled; gives what the API answers."""
        body = {"items": [{"sku": sku, "quantity": quantity} for sku, quantity in items], **fields}
        answer = await self.command.post("/v1/orders", json=body, headers={"Prefer": f"wait={wait}"})
        assert answer.status_code == 201, answer.text
        shown: JsonObject = answer.json()
        return shown

    async def get(self, path: str, **parameters: Any) -> JsonObject:
        """A query that must succeed."""
        answer = await self.query.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        shown: JsonObject = answer.json()
        return shown

    async def shows(self, path: str, expected: JsonObject, seconds: float = 30) -> JsonObject:
        """Ask until the answer has these members; gives the whole answer."""

        async def ask() -> JsonObject:
            answer = await self.query.get(path)
            shown: JsonObject = answer.json()
            return shown

        return await until(ask, lambda shown: expected.items() <= shown.items(), seconds)

    async def caught_up(self, seconds: float = 60) -> None:
        """Wait until no order is pending and no projection lags, twice in a row, since policies read as well."""

        async def lag() -> int:
            answer = await self.query.get("/v1/projections")
            if answer.status_code != 200:
                return -1
            projections = [part for item in answer.json()["items"] for part in item["partitions"]]
            pending = await self.query.get("/v1/orders", params={"status": "PENDING", "limit": 1})
            if pending.status_code != 200:
                return -1
            return int(sum(part["lag_events"] for part in projections)) + len(pending.json()["items"])

        quiet = 0
        while quiet < 2:
            await until(lag, lambda found: found == 0, seconds)
            quiet += 1


@asynccontextmanager
async def running_product(settings: Settings) -> AsyncIterator[Product]:
    """Start the four processes, wait until each is ready, and stop them at the end."""
    async with (
        running_processes(settings) as group,
        httpx.AsyncClient(base_url=settings.command_api_url, timeout=60, trust_env=False) as command,
        httpx.AsyncClient(base_url=settings.query_api_url, timeout=60, trust_env=False) as query,
    ):
        yield Product(command, query, group)
