"""What becomes of a command over HTTP that has to wait for its log: its client leaves, or too many are before it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import orjson
import pytest

from command_api.fence.log import Outgoing
from command_api.writer.partition_writer import PartitionWriter
from event_schemas.topics import ORDERS
from infra.settings import Settings
from tests.cluster.instances import Instance, order_id_of, running
from tests.support.ndjson import NDJSON
from tests.support.poll import until
from tests.support.raw_http import request


class Slow:
    """An instance whose orders wait at the log of one partition for as long as a test says so."""

    def __init__(self, instance: Instance, client: httpx.AsyncClient, unique: str) -> None:
        self.instance, self.client, self.unique = instance, client, unique
        self.body: dict[str, Any] = {"items": [{"sku": unique.upper(), "quantity": 1}]}
        self.open = asyncio.Event()
        self.open.set()
        self.held = 0
        self.writer = self._writer(f"{unique}-0")
        self._append = self.writer.log.append
        self.writer.log.append = self.append  # type: ignore[method-assign]

    async def append(self, records: Sequence[Outgoing]) -> int:
        self.held += 1
        await self.open.wait()
        return await self._append(records)

    def _writer(self, key: str) -> PartitionWriter:
        writer: PartitionWriter = self.instance.app.state.desk.writers.of(ORDERS.name, order_id_of(key))
        return writer

    def keys(self, count: int) -> list[str]:
        """Keys of orders of this partition."""
        keys = (f"{self.unique}-{number}" for number in range(10_000))
        return [key for key in keys if self._writer(key) is self.writer][:count]

    async def order(self, key: str) -> httpx.Response:
        headers = {"Idempotency-Key": key}
        return await self.client.post(f"{self.instance.url}/v1/orders", json=self.body, headers=headers)

    async def hold_one(self, key: str) -> "asyncio.Task[httpx.Response]":
        """An order that has been decided and waits for the log."""
        self.open.clear()
        before = self.held
        asked = asyncio.create_task(self.order(key))
        await until(lambda: asyncio.sleep(0, self.held), lambda held: held > before)
        return asked


@pytest.fixture
async def slow(settings: Settings, unique: str) -> AsyncIterator[Slow]:
    settings = settings.model_copy(update={"max_queue_seconds": 0.1})
    async with running(settings, 1) as (instance,), httpx.AsyncClient(timeout=20) as client:
        product = {"sku": unique.upper(), "name": "A thing", "price": 2.5}
        assert (await client.post(f"{instance.url}/v1/products", json=product)).status_code == 201
        made = Slow(instance, client, unique)
        yield made
        made.open.set()


async def leave(slow: Slow, key: str, seconds: float) -> None:
    """Order something, and close the connection after a while without an answer."""
    _, writer = await asyncio.open_connection("127.0.0.1", slow.instance.settings.command_api_port)
    headers = ("Content-Type: application/json", f"Idempotency-Key: {key}")
    writer.write(request("POST", "/v1/orders", *headers, body=orjson.dumps(slow.body)))
    await writer.drain()
    await asyncio.sleep(seconds)
    writer.close()


async def test_who_leaves_while_his_order_is_queued_has_ordered_nothing(slow: Slow) -> None:
    first, left, stays = slow.keys(3)
    under_way = await slow.hold_one(first)
    waits = asyncio.create_task(slow.order(stays))
    await leave(slow, left, seconds=0.4)
    slow.open.set()
    assert [(await task).status_code for task in (under_way, waits)] == [201, 201]
    again = await slow.order(left)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, None)


async def test_who_leaves_while_his_order_is_on_its_way_has_ordered(slow: Slow) -> None:
    (key,) = slow.keys(1)
    slow.open.clear()
    leaving = asyncio.create_task(leave(slow, key, seconds=0.4))
    await until(lambda: asyncio.sleep(0, slow.held), bool)
    await leaving
    slow.open.set()
    again = await until(lambda: slow.order(key), lambda answer: answer.status_code == 201)
    assert again.headers.get("Idempotent-Replayed") == "true"


async def test_an_order_that_would_wait_long_is_refused_and_comes_through_later(slow: Slow) -> None:
    first, second, queued, refused = slow.keys(4)
    under_way = await slow.hold_one(first)
    await asyncio.sleep(0.6)
    slow.open.set()
    assert (await under_way).status_code == 201

    under_way = await slow.hold_one(second)
    waits = asyncio.create_task(slow.order(queued))
    await until(lambda: asyncio.sleep(0, slow.writer.expected_wait), bool)
    answer = await slow.order(refused)
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "overloaded", "1")
    line = {"key": "r", "command": {"type": "ReceiveStock", "sku": slow.unique.upper(), "quantity": 1}}
    bulk = await slow.client.post(f"{slow.instance.url}/v1/bulk", content=orjson.dumps(line), headers=NDJSON)
    assert (bulk.status_code, bulk.json()["code"]) == (503, "overloaded")
    slow.open.set()
    assert [(await task).status_code for task in (under_way, waits)] == [201, 201]
    again = await slow.order(refused)
    assert (again.status_code, again.headers.get("Idempotent-Replayed")) == (201, None)
