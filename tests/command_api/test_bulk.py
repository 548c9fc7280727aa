"""Many commands in one request: each line has an answer and a key of its own."""

import json
from typing import Any

import httpx
import pytest

from infra.settings import Settings
from tests.command_api.asking import add_product, bulk, events_of, problem
from tests.support.ndjson import NDJSON


@pytest.mark.parametrize("name", ["application/ndjson", "application/jsonl", "Application/JSON; charset=utf-8"])
async def test_a_bulk_is_taken_under_each_name_of_its_type(api: httpx.AsyncClient, name: str) -> None:
    assert (await api.post("/v1/bulk", content=b"{}", headers={"Content-Type": name})).status_code == 200


async def test_bulk_answers_each_line_in_order_and_a_bad_one_stops_no_other(
    api: httpx.AsyncClient, unique: str
) -> None:
    sku = unique.upper()
    price = {"amount": 255, "currency": "GBP"}
    results = await bulk(
        api,
        {"key": f"{unique}-1", "command": {"type": "AddProduct", "sku": sku, "name": "A", "price": price}},
        {"key": f"{unique}-2", "command": {"type": "ReceiveStock", "sku": sku, "quantity": 5}},
        {"key": f"{unique}-3", "command": {"type": "ReceiveStock", "sku": sku, "quantity": -5}},
        "this is no JSON",
        {"key": f"{unique}-4", "command": {"type": "AdjustStock", "sku": sku, "delta": -9, "reason": "LOST"}},
        {"key": f"{unique}-5", "command": {"type": "Explode", "sku": sku}},
        {"key": f"{unique}-6", "command": {"type": "AdjustStock", "sku": sku, "delta": -4, "reason": "LOST"}},
    )
    assert [result["status"] for result in results] == [201, 201, 422, 422, 409, 422, 201]
    assert [result.get("version") for result in results] == [1, 1, None, None, None, None, 2]
    assert results[4]["code"] == "insufficient_stock"
    assert results[6]["position"].startswith("stock/")


@pytest.mark.parametrize(
    "changed",
    [
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": "9999-12-31T23:59:59-12:00"},
        {"at": "2010-12-01T08:26:00"},
        {"command": {"type": "AddProduct", "sku": "A", "name": "A", "price": {"amount": 1, "currency": "GBP", "x": 1}}},
        {"command": {"type": "PlaceOrder", "items": [{"sku": "A", "quantity": 1}], "placed_at": "0001-01-01T00:00Z"}},
    ],
)
async def test_a_bulk_line_that_does_not_fit_is_refused_under_its_own_key(
    api: httpx.AsyncClient, unique: str, changed: dict[str, Any]
) -> None:
    line = {"key": unique, "command": {"type": "ReceiveStock", "sku": unique.upper(), "quantity": 5}, **changed}
    (result,) = await bulk(api, line)
    assert (result["key"], result["status"], result["code"]) == (unique, 422, "validation_failed")


async def test_a_bulk_key_with_another_business_time_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper())
    line = {"key": unique, "command": {"type": "ReceiveStock", "sku": unique.upper(), "quantity": 5}}
    (first,), (other,) = await bulk(api, line), await bulk(api, {**line, "at": "2010-12-01T08:26:00Z"})
    assert (first["status"], other["status"], other["code"]) == (201, 422, "idempotency_key_reused")


async def test_a_repeated_bulk_changes_nothing(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper())
    line = {"key": unique, "command": {"type": "ReceiveStock", "sku": unique.upper(), "quantity": 5}}
    (first,), (again,) = await bulk(api, line), await bulk(api, line)
    assert (first["replayed"], again["replayed"]) == (False, True)
    assert (again["version"], again["position"]) == (first["version"], first["position"])


async def test_an_imported_order_has_the_time_and_the_price_of_long_ago(
    api: httpx.AsyncClient, settings: Settings, unique: str
) -> None:
    await add_product(api, unique.upper())
    item = {"sku": unique.upper(), "quantity": 2, "unit_price": {"amount": 5, "currency": "GBP"}}
    line = {
        "key": unique,
        "command": {
            "type": "PlaceOrder",
            "items": [item],
            "placed_at": "2010-12-01T08:26:00Z",
            "order_number": "536365",
        },
    }
    (result,) = await bulk(api, line)
    assert result["status"] == 201
    (event,) = await events_of(settings, f"c:{result['position']}")
    assert event.envelope.time.isoformat() == "2010-12-01T08:26:00+00:00"
    shown = event.event.model_dump(mode="json")
    assert (shown["order_number"], shown["total"]) == ("536365", {"amount": 10, "currency": "GBP"})


async def test_too_many_commands_in_one_bulk_are_refused(api: httpx.AsyncClient, settings: Settings) -> None:
    answer = await api.post("/v1/bulk", content=b"{}\n" * (settings.max_bulk_commands + 1), headers=NDJSON)
    problem(answer, 413, "body_too_large")


async def test_the_example_of_a_bulk_is_answered_as_it_is_described(api: httpx.AsyncClient, unique: str) -> None:
    described = (await api.get("/openapi.json")).json()["paths"]["/v1/bulk"]["post"]
    given = described["requestBody"]["content"]["application/x-ndjson"]["example"]
    assert list(described["responses"]["200"]["content"]) == ["application/x-ndjson"]
    example = described["responses"]["200"]["content"]["application/x-ndjson"]["example"]
    wanted = [json.loads(line) for line in example.splitlines()]
    results = await bulk(api, given.replace("A1", unique.upper()).replace('"key":"', f'"key":"{unique}-'))
    assert [list(result) for result in results] == [list(result) for result in wanted]
    for name in ("status", "version", "code"):
        assert [result.get(name) for result in results] == [result.get(name) for result in wanted]
