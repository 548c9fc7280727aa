"""What an answer says of the stock that its order or product leads to, and what it is when that cannot be told."""

import asyncio

import httpx
import pytest

from command_api.desk import Desk
from command_api.intent import Place
from command_api.refusals import NotLoaded
from command_api.request import command_identity, created_id
from command_api.writer.partition_writer import PartitionWriter
from domain.ids import reservation_id
from infra.http.consistency_token import parse
from infra.http.problems import DependencyUnavailable
from infra.principal import OPERATOR
from tests.command_api.asking import add_product, bulk
from tests.support.poll import until


async def test_a_repeat_that_waits_names_the_stock_of_the_order_too(api: httpx.AsyncClient, unique: str) -> None:
    sku = unique.upper()
    await add_product(api, sku)
    receive = {"key": f"{unique}-1", "command": {"type": "ReceiveStock", "sku": sku, "quantity": 5}}
    (received,) = await bulk(api, receive)
    headers = {"Idempotency-Key": unique, "Prefer": "wait=20"}
    body = {"items": [{"sku": sku, "quantity": 1}]}
    waiting = asyncio.create_task(api.post("/v1/orders", json=body, headers=headers))
    order_id = created_id(command_identity(OPERATOR, "POST /v1/orders", unique))
    promised = {"reservation_id": reservation_id(order_id, sku), "sku": sku, "outcome": "RESERVED"}
    record = {"type": "RecordStock", "order_id": order_id, "results": [{**promised, "warehouse_id": "MAIN"}]}

    async def recorded_status() -> int:
        line = {"key": f"{unique}-2", "command": record, "follows": [received["position"]]}
        (result,) = await bulk(api, line)
        return int(result["status"])

    await until(recorded_status, lambda status: status == 201)
    first = await waiting
    tokens = {token.topic: token for token in parse(first.headers["consistency-token"])}
    assert f"{tokens['stock'].topic}/{tokens['stock'].partition}@{tokens['stock'].offset}" == received["position"]
    repeat = await api.post("/v1/orders", json=body, headers={**headers, "Prefer": "wait=0"})
    assert (repeat.headers["idempotent-replayed"], repeat.json()) == ("true", first.json())
    again = {token.topic: token for token in parse(repeat.headers["consistency-token"])}
    assert again["orders"] >= tokens["orders"]
    assert again["stock"][:3] == tokens["stock"][:3]
    assert again["stock"].offset >= tokens["stock"].offset
    taken = await api.delete(
        f"/v1/orders/{order_id}", headers={"Consistency-Token": repeat.headers["consistency-token"]}
    )
    assert taken.status_code == 200


async def test_an_order_that_is_placed_is_answered_though_nobody_tells_how_far_its_stock_reaches(
    api: httpx.AsyncClient, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add_product(api, unique.upper())
    body, headers = {"items": [{"sku": unique.upper(), "quantity": 1}]}, {"Idempotency-Key": unique}
    first = await api.post("/v1/orders", json=body, headers=headers)

    async def away(desk: Desk, topic: str, subjects: object) -> tuple[Place, ...]:
        raise DependencyUnavailable("Kafka does not answer.")

    monkeypatch.setattr(Desk, "newest", away)
    repeat = await api.post("/v1/orders", json=body, headers={**headers, "Prefer": "wait=0"})
    assert (repeat.status_code, repeat.json()) == (201, first.json())
    assert [token.topic for token in parse(repeat.headers["consistency-token"])] == ["orders"]


async def test_a_product_that_is_added_is_answered_though_its_stock_cannot_be_looked_at(
    api: httpx.AsyncClient, unique: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = PartitionWriter.ready

    async def away(writer: PartitionWriter, subject: str) -> None:
        if writer.log.topic == "stock":
            raise NotLoaded(OSError("gone"))
        await ready(writer, subject)

    monkeypatch.setattr(PartitionWriter, "ready", away)
    product = {"name": "Lamp", "price": 5.0, "sku": unique.upper(), "quantity": 3}
    answer = await api.post("/v1/products", json=product, headers={"Idempotency-Key": unique})
    assert answer.status_code == 201, answer.text
    assert "idempotent-replayed" not in answer.headers
