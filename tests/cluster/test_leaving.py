"""An instance leaves under traffic: clients that keep their connections open see none of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest

from infra.partition_of import partition_of
from infra.settings import Settings
from tests.cluster.instances import Instance, new_product, order_id_of, running
from tests.support.ndjson import NDJSON
from tests.support.poll import until

Send = Callable[[httpx.AsyncClient, str, str], Awaitable[list[int]]]


class Client:
    """Sends one command after another to its instance over one connection, and to the other one, as a load balancer
    does, when its connection was closed or refused: then with the same key, since it may have been carried out."""

    def __init__(self, send: Send, name: str, *urls: str) -> None:
        self.statuses: Counter[int] = Counter()
        self._send = send
        self._name = name
        self._urls = list(urls)
        self.closed = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop."""
        number = 0
        async with httpx.AsyncClient(timeout=20, limits=httpx.Limits(max_connections=1)) as http:
            while not stop.is_set():
                try:
                    self.statuses.update(await self._send(http, self._urls[0], f"{self._name}-{number}"))
                    number += 1
                except httpx.TransportError:
                    self.closed += 1
                    self._urls.reverse()


def orders(product: dict[str, Any]) -> Send:
    body = {"items": [{"sku": product["sku"], "quantity": 1}]}

    async def send(http: httpx.AsyncClient, url: str, key: str) -> list[int]:
        answer = await http.post(f"{url}/v1/orders", json=body, headers={"Idempotency-Key": key})
        return [answer.status_code]

    return send


def bulk(unique: str) -> Send:
    async def send(http: httpx.AsyncClient, url: str, key: str) -> list[int]:
        lines = [
            {
                "key": f"{key}-{number}",
                "command": {
                    "type": "ReserveStock",
                    "sku": f"{unique}-{number}".upper(),
                    "reservation_id": f"{key}-{number}",
                    "purpose": "LOAN",
                    "ref_id": unique,
                    "quantity": 1,
                },
            }
            for number in range(12)
        ]
        answer = await http.post(f"{url}/v1/bulk", content=b"\n".join(map(orjson.dumps, lines)), headers=NDJSON)
        return [orjson.loads(line)["status"] for line in answer.content.splitlines()]

    return send


async def answers(clients: list[Client]) -> int:
    return min(client.statuses.total() for client in clients)


@pytest.mark.parametrize("kind", ["orders", "bulk"])
async def test_no_command_is_refused_while_an_instance_leaves(settings: Settings, unique: str, kind: str) -> None:
    async with running(settings, 2) as (one, leaving):
        product = new_product(unique, 0)
        async with httpx.AsyncClient(timeout=20) as http:
            assert (await http.post(f"{one.url}/v1/products", json=product)).status_code == 201
        send = orders(product) if kind == "orders" else bulk(unique)
        clients = [Client(send, f"{unique}-a{n}", one.url, leaving.url) for n in range(3)]
        clients += [Client(send, f"{unique}-b{n}", leaving.url, one.url) for n in range(3)]
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for client in clients:
                group.create_task(client.run(stop))

            async def some() -> int:
                return await answers(clients)

            await until(some, lambda count: count >= 20)
            await leaving.stop()
            before = {client: client.statuses.total() for client in clients}

            async def more() -> int:
                return min(client.statuses.total() - before[client] for client in clients)

            await until(more, lambda count: count >= 20)
            stop.set()
        assert {status for client in clients for status in client.statuses} == {201}
        assert [client.closed for client in clients[:3]] == [0, 0, 0]


async def order_at(instance: Instance, http: httpx.AsyncClient) -> tuple[str, str]:
    """An Idempotency-Key for an order that will be this instance's, and the order's id."""
    told = (await http.get(f"{instance.url}/routing")).json()

    while True:
        key = str(uuid4())
        order_id = order_id_of(key)
        if told["owners"][str(partition_of(order_id, told["partitions"]))] == instance.url:
            return key, order_id


async def test_an_order_that_is_waited_for_is_answered_when_its_instance_leaves(
    settings: Settings, unique: str
) -> None:
    async with running(settings, 2) as (one, leaving), httpx.AsyncClient(timeout=40) as http:
        product = new_product(unique, 0)
        assert (await http.post(f"{one.url}/v1/products", json=product)).status_code == 201
        body = {"items": [{"sku": product["sku"], "quantity": 1}]}
        key, order_id = await order_at(leaving, http)
        headers = {"Idempotency-Key": key, "Prefer": "wait=30"}
        waiting = asyncio.create_task(http.post(f"{leaving.url}/v1/orders", json=body, headers=headers))

        async def version() -> int:
            order = f"{leaving.url}/v1/orders/{order_id}"
            refused = await http.request("DELETE", order, headers={"If-Match": '"7"'})
            assert refused.status_code == 412
            return int(refused.json()["current_version"])

        await until(version, lambda version: version == 1)
        assert not waiting.done()
        async with asyncio.timeout(20):  # it would wait for 30 s
            await asyncio.gather(leaving.stop(), waiting)
        assert (waiting.result().status_code, waiting.result().json()["status"]) == (201, "PENDING")


async def test_instances_that_leave_at_once_do_not_wait_for_each_other(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("command_api.group.hand_over.HAND_OVER_SECONDS", 600)
    async with running(settings, 2) as instances:
        async with asyncio.timeout(20):
            await asyncio.gather(*map(Instance.stop, instances))
