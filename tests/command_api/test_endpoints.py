"""The command API over HTTP, on real Kafka. What policies and projections make of it is in tests/e2e."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from command_api.desk import Desk
from command_api.intent import Place
from command_api.refusals import NotLoaded
from command_api.request import command_identity, created_id
from command_api.writer.partition_writer import PartitionWriter
from domain.ids import reservation_id
from event_schemas.record import Recorded, recorded
from infra.http.consistency_token import parse
from infra.http.principal import OPERATOR
from infra.http.problems import DependencyUnavailable
from infra.log_reader import START, LogReader
from infra.settings import Settings
from tests.support.ndjson import NDJSON
from tests.support.poll import until


async def add_product(api: httpx.AsyncClient, sku: str, **fields: Any) -> dict[str, Any]:
    body = {"sku": sku, "name": f"Product {sku}", "price": 249.99, **fields}
    answer = await api.post("/v1/products", json=body, headers={"Prefer": "wait=0"})
    assert answer.status_code == 201, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def events_of(settings: Settings, token: str) -> list[Recorded]:
    """The events of the aggregate whose last event the token names."""
    topic, _, place = token.split(":")[1].partition("/")
    partition, _, offset = place.partition("@")
    found: list[Recorded] = []
    async with LogReader(settings.bootstrap_servers, {(topic, int(partition)): START}) as reader:
        async for batch in reader.until({(topic, int(partition)): int(offset) + 1}):
            found.extend(map(recorded, batch.records))
    subject = found[-1].envelope.subject
    return [one for one in found if one.envelope.subject == subject]


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code, body
    assert body["status"] == status
    return body


async def test_a_product_is_answered_as_it_was_added_with_version_and_place(
    api: httpx.AsyncClient, settings: Settings, unique: str
) -> None:
    body = {"sku": unique.upper(), "name": "Keyboard", "price": 249.99, "quantity": 50}
    answer = await api.post("/v1/products", json=body, headers={"Prefer": "wait=0"})
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    shown = answer.json()
    assert (shown["name"], shown["price"], shown["currency"], shown["quantity"]) == ("Keyboard", 249.99, "USD", 50)
    assert answer.headers["location"].endswith(f"/v1/products/{shown['id']}")
    (event,) = await events_of(settings, answer.headers["consistency-token"])
    assert event.envelope.type == "product.added.v1"
    assert event.envelope.actor == "staff:operator"
    assert event.event.model_dump()["variants"][0]["price"] == {"amount": 24999, "currency": "USD"}


async def test_a_repeat_under_the_same_key_is_answered_alike_and_appends_nothing(
    api: httpx.AsyncClient, settings: Settings, unique: str
) -> None:
    await add_product(api, unique.upper())
    request = {"items": [{"sku": unique.upper(), "quantity": 3}]}
    first = await api.post("/v1/orders", json=request, headers={"Idempotency-Key": unique})
    again = await api.post("/v1/orders", json=request, headers={"Idempotency-Key": unique})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert again.content == first.content
    assert again.headers["consistency-token"] == first.headers["consistency-token"]
    assert len(await events_of(settings, first.headers["consistency-token"])) == 1


async def test_a_repeat_gets_its_first_answer_though_the_product_is_withdrawn_since(
    api: httpx.AsyncClient, unique: str
) -> None:
    product = await add_product(api, unique.upper())
    request = {"items": [{"product_id": product["id"], "quantity": 3}]}
    first = await api.post("/v1/orders", json=request, headers={"Idempotency-Key": unique})
    await api.delete(f"/v1/products/{product['id']}")
    again = await api.post("/v1/orders", json=request, headers={"Idempotency-Key": unique})
    assert again.content == first.content


async def test_the_same_key_a_hundred_times_at_once_has_one_effect(
    api: httpx.AsyncClient, settings: Settings, unique: str
) -> None:
    await add_product(api, unique.upper())
    request = {"quantity": 7}
    url = f"/v1/stock/{unique.upper()}/receipts"
    answers = await asyncio.gather(
        *(api.post(url, json=request, headers={"Idempotency-Key": unique}) for _ in range(100))
    )
    codes = {answer.status_code for answer in answers}
    assert codes <= {201, 409}
    assert 201 in codes
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"request_in_progress"}
    done = next(answer for answer in answers if answer.status_code == 201)
    assert len(await events_of(settings, done.headers["consistency-token"])) == 1


async def test_a_key_of_another_request_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper())
    url = f"/v1/stock/{unique.upper()}/receipts"
    await api.post(url, json={"quantity": 7}, headers={"Idempotency-Key": unique})
    refused = await api.post(url, json={"quantity": 8}, headers={"Idempotency-Key": unique})
    problem(refused, 422, "idempotency_key_reused")
    assert "etag" not in refused.headers


async def test_a_key_is_of_one_route_and_there_of_one_path(api: httpx.AsyncClient, unique: str) -> None:
    for sku in (unique.upper(), f"{unique}-2".upper()):
        await add_product(api, sku, quantity=0)
    headers = {"Idempotency-Key": unique}
    adjusted = {"delta": 7, "reason": "FOUND"}
    for path, body in (("receipts", {"quantity": 7}), ("adjustments", adjusted)):
        answer = await api.post(f"/v1/stock/{unique.upper()}/{path}", json=body, headers=headers)
        assert (answer.status_code, answer.headers.get("idempotent-replayed")) == (201, None), answer.text
    other = await api.post(f"/v1/stock/{unique.upper()}-2/receipts", json={"quantity": 7}, headers=headers)
    problem(other, 422, "idempotency_key_reused")


async def test_an_order_freezes_names_and_prices_and_adds_them_up(api: httpx.AsyncClient, unique: str) -> None:
    product = await add_product(api, unique.upper(), price=2.55)
    answer = await api.post(
        "/v1/orders",
        json={
            "items": [{"sku": product["sku"], "quantity": 3}, {"product_id": product["id"], "quantity": 1}],
            "user_id": "alice",
        },
    )
    order = answer.json()
    assert (order["status"], order["total"], order["currency"]) == ("PENDING", 10.2, "USD")
    assert [line["line_total"] for line in order["lines"]] == [7.65, 2.55]
    assert [line["name"] for line in order["lines"]] == [product["name"]] * 2


async def test_a_change_of_description_and_price_is_one_command(
    api: httpx.AsyncClient, settings: Settings, unique: str
) -> None:
    product = await add_product(api, unique.upper())
    url = f"/v1/products/{product['id']}"
    answer = await api.patch(url, json={"name": "Better", "price": 199.99}, headers={"If-Match": '"1"'})
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"3"'
    assert [event["type"] for event in answer.json()["events"]] == ["product.described.v1", "product.price_changed.v1"]
    stale = await api.patch(url, json={"price": 1}, headers={"If-Match": '"1"'})
    assert problem(stale, 412, "version_conflict")["current_version"] == 3
    assert stale.headers["etag"] == '"3"'
    unchanged = await api.patch(url, json={"name": "Better"})
    assert (unchanged.status_code, unchanged.json()["events"]) == (200, [])


async def test_a_price_without_a_currency_means_the_one_that_the_product_has(
    api: httpx.AsyncClient, unique: str
) -> None:
    product = await add_product(api, unique.upper(), currency="GBP")
    url = f"/v1/products/{product['id']}"
    repriced = await api.patch(url, json={"price": 199.99})
    assert repriced.json()["events"][0]["new_price"] == {"amount": 19999, "currency": "GBP"}
    problem(await api.patch(url, json={"price": 1, "currency": "USD"}), 409, "currency_differs")


async def test_a_withdrawn_product_cannot_be_ordered_or_changed(api: httpx.AsyncClient, unique: str) -> None:
    product = await add_product(api, unique.upper())
    url = f"/v1/products/{product['id']}"
    assert (await api.delete(url)).status_code == 200
    assert (await api.delete(url)).json()["events"] == []
    problem(await api.patch(url, json={"price": 1}), 409, "product_withdrawn")

    async def refused() -> bool:
        answer = await api.post("/v1/orders", json={"items": [{"sku": unique.upper(), "quantity": 1}]})
        return answer.status_code == 409 and answer.json()["code"] == "product_withdrawn"

    assert await until(refused, bool)


async def test_a_withdrawal_has_a_reason_and_a_note_and_its_repeat_must_give_the_same(
    api: httpx.AsyncClient, unique: str
) -> None:
    product = await add_product(api, unique.upper())
    url, key = f"/v1/products/{product['id']}", {"Idempotency-Key": f"{unique}-withdraw"}
    recalled = {"reason": "RECALLED", "note": "Glass bursts"}
    answer = await api.delete(url, params=recalled, headers=key)
    (event,) = answer.json()["events"]
    assert event == {"type": "product.withdrawn.v2", "product_id": product["id"], **recalled}
    again = await api.delete(url, params=recalled, headers=key)
    assert (again.json(), again.headers["idempotent-replayed"]) == (answer.json(), "true")
    problem(await api.delete(url, headers=key), 422, "idempotency_key_reused")
    problem(await api.delete(url, params={"reason": "OLD"}), 422, "validation_failed")


async def test_a_sku_has_one_product(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper())
    other = await api.post("/v1/products", json={"sku": unique.upper(), "name": "Other", "price": 1})
    problem(other, 409, "product_exists")
    same = await api.post(
        "/v1/products", json={"sku": unique.upper(), "name": f"Product {unique.upper()}", "price": 249.99}
    )
    assert same.status_code == 201
    assert same.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("path", ["/v1/products", "/v1/orders"])
async def test_what_is_to_be_created_cannot_be_there_already_unless_by_the_same_request(
    api: httpx.AsyncClient, unique: str, path: str
) -> None:
    await add_product(api, unique.upper())
    new = {"sku": f"{unique.upper()}-2", "name": "A", "price": 1}
    body = new if path == "/v1/products" else {"items": [{"sku": unique.upper(), "quantity": 1}]}
    must, must_not = ({"Idempotency-Key": unique, name: "*"} for name in ("If-Match", "If-None-Match"))
    refused = await api.post(path, json=body, headers=must)
    assert problem(refused, 412, "version_conflict")["current_version"] == 0
    assert "etag" not in refused.headers
    created = await api.post(path, json=body, headers=must_not)
    assert (created.status_code, created.headers["etag"]) == (201, '"1"')
    for headers in (must, must_not):
        repeated = await api.post(path, json=body, headers=headers)
        assert (repeated.status_code, repeated.headers["idempotent-replayed"]) == (201, "true")
        assert repeated.json() == created.json()


async def test_if_match_takes_any_version_of_what_is_there(api: httpx.AsyncClient, unique: str) -> None:
    product = await add_product(api, unique.upper())
    url = f"/v1/products/{product['id']}"
    assert (await api.patch(url, json={"price": 2}, headers={"If-Match": "*"})).headers["etag"] == '"2"'
    there = await api.patch(url, json={"price": 3}, headers={"If-None-Match": "*"})
    assert (problem(there, 412, "version_conflict")["current_version"], there.headers["etag"]) == (2, '"2"')
    again = {"sku": unique.upper(), "name": "A", "price": 1}
    problem(await api.post("/v1/products", json=again, headers={"If-Match": "*"}), 409, "product_exists")
    problem(await api.post("/v1/products", json=again, headers={"If-None-Match": "*"}), 412, "version_conflict")
    problem(await api.delete("/v1/products/none", headers={"If-Match": "*"}), 404, "product_not_found")


async def test_a_cancelled_order_is_cancelled_once(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper())
    order = (await api.post("/v1/orders", json={"items": [{"sku": unique.upper(), "quantity": 1}]})).json()
    answer = await api.delete(f"/v1/orders/{order['order_id']}")
    assert [event["type"] for event in answer.json()["events"]] == ["order.cancelled.v1"]
    assert (await api.delete(f"/v1/orders/{order['order_id']}")).json()["events"] == []


async def test_a_rejected_order_cannot_be_cancelled_and_the_refusal_says_why(
    api: httpx.AsyncClient, unique: str
) -> None:
    await add_product(api, unique.upper())
    placed = await api.post("/v1/orders", json={"items": [{"sku": unique.upper(), "quantity": 1}]})
    order_id = placed.json()["order_id"]
    rejection = {"type": "RejectOrder", "order_id": order_id, "reason": "OUT_OF_STOCK"}
    (rejected,) = await bulk(api, {"key": f"reject-{unique}", "command": rejection})
    assert rejected["status"] == 201
    told = problem(await api.delete(f"/v1/orders/{order_id}"), 409, "order_closed")
    assert (told["order_id"], told["order_status"]) == (order_id, "REJECTED")


async def test_waiting_for_an_order_that_nobody_settles_ends_with_pending(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper())
    request = {"items": [{"sku": unique.upper(), "quantity": 1}]}
    answer = await api.post("/v1/orders", json=request, headers={"Prefer": "wait=0.1"})
    assert (answer.status_code, answer.json()["status"]) == (201, "PENDING")


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


async def test_a_count_sets_the_shelf_and_an_adjustment_cannot_empty_it_further(
    api: httpx.AsyncClient, unique: str
) -> None:
    sku = unique.upper()
    await add_product(api, sku)
    counted = await api.put(f"/v1/stock/{sku}/MAIN/count", json={"counted_quantity": 5})
    assert counted.json()["events"][0]["counted_quantity"] == 5
    refused = await api.post(f"/v1/stock/{sku}/adjustments", json={"delta": -6, "reason": "DAMAGED"})
    assert problem(refused, 409, "insufficient_stock")["available"] == 5


PRODUCT: dict[str, Any] = {"name": "A", "price": 1}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/products", {**PRODUCT, "colour": "red"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "price": "free"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "price": "1"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "price": True}, 422, "validation_failed"),
        ("PATCH", "/v1/products/none", {"price": None}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "price": -1}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "price": 1.005}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "price": 1e12}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "quantity": -1}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "quantity": "5"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "name": "  "}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "name": "NUL \x00"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "description": "NUL \x00"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "book": {"author": "A" * 2001}}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "sku": "lower case"}, 422, "validation_failed"),
        ("POST", "/v1/products", {**PRODUCT, "currency": "pounds"}, 422, "validation_failed"),
        ("PATCH", "/v1/products/none", {}, 422, "validation_failed"),
        ("PATCH", "/v1/products/none", {"price": 1}, 404, "product_not_found"),
        ("DELETE", "/v1/products/none", None, 404, "product_not_found"),
        ("POST", "/v1/stock/UNKNOWN/receipts", {"quantity": 1}, 404, "product_not_found"),
        ("POST", "/v1/stock/UNKNOWN/receipts", {"quantity": 0}, 422, "validation_failed"),
        ("POST", "/v1/stock/UNKNOWN/receipts", {"quantity": 10**12}, 422, "validation_failed"),
        ("POST", "/v1/stock/UNKNOWN/receipts", {"quantity": 1.5}, 422, "validation_failed"),
        ("POST", "/v1/stock/UNKNOWN/adjustments", {"delta": 1, "reason": "WHIM"}, 422, "validation_failed"),
        ("PUT", "/v1/stock/UNKNOWN/MAIN/count", {"counted_quantity": -1}, 422, "validation_failed"),
        ("POST", "/v1/orders", {"items": []}, 422, "validation_failed"),
        ("POST", "/v1/orders", {"items": [{"quantity": 1}]}, 422, "validation_failed"),
        ("POST", "/v1/orders", {"items": [{"sku": "UNKNOWN", "quantity": 1}]}, 404, "product_not_found"),
        ("POST", "/v1/orders", {"items": [{"sku": "A", "quantity": 10**9}]}, 422, "validation_failed"),
        ("DELETE", "/v1/orders/none", None, 404, "order_not_found"),
        ("DELETE", "/v1/orders/%20", None, 422, "validation_failed"),
        ("DELETE", "/v1/products/%0A", None, 422, "validation_failed"),
        ("PATCH", "/v1/products/%20", {"name": "A"}, 422, "validation_failed"),
        ("GET", "/v1/nothing", None, 404, "not_found"),
        ("PUT", "/v1/orders", {}, 405, "method_not_allowed"),
    ],
)
async def test_bad_input_is_refused_with_a_stable_code(
    api: httpx.AsyncClient, method: str, path: str, body: Any, status: int, code: str
) -> None:
    problem(await api.request(method, path, json=body), status, code)


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("Idempotency-Key", "", "bad_idempotency_key"),
        ("Idempotency-Key", "x" * 201, "bad_idempotency_key"),
        ("If-Match", "3", "bad_if_match"),
        ("If-Match", 'W/"3"', "bad_if_match"),
        ("If-None-Match", '"3"', "bad_if_none_match"),
        ("Prefer", "wait=forever", "bad_prefer"),
        ("Prefer", "wait=999", "bad_prefer"),
    ],
)
async def test_a_header_that_cannot_be_read_is_refused(
    api: httpx.AsyncClient, header: str, value: str, code: str
) -> None:
    problem(await api.delete("/v1/orders/none", headers={header: value}), 400, code)


async def test_what_is_no_json_is_refused(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/orders", content=b"{", headers={"content-type": "application/json"})
    problem(answer, 400, "malformed_json")


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/products", "/v1/stock/A/receipts", "/v1/bulk"])
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "unsupported_media_type"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "unsupported_media_type"),
        ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, "unsupported_content_encoding"),
    ],
)
async def test_a_body_that_is_not_of_the_paths_type_is_refused_and_the_type_named(
    api: httpx.AsyncClient, path: str, headers: dict[str, str], code: str
) -> None:
    answer = await api.post(path, content=b'{"items":[]}', headers=headers)
    detail = problem(answer, 415, code)["detail"]
    wanted = "application/x-ndjson" if path == "/v1/bulk" else "application/json"
    assert code == "unsupported_content_encoding" or (wanted in detail and answer.headers["accept"] == wanted)


async def test_a_list_with_a_bad_item_is_not_called_too_short(api: httpx.AsyncClient) -> None:
    answer = await api.post("/v1/orders", json={"items": [{"sku": "R3", "quantity": True}]})
    errors = problem(answer, 422, "validation_failed")["errors"]
    assert [error["pointer"] for error in errors] == ["#/items/0/quantity"]
    empty = await api.post("/v1/orders", json={"items": []})
    assert [error["pointer"] for error in problem(empty, 422, "validation_failed")["errors"]] == ["#/items"]


async def test_what_has_the_right_form_is_refused_for_its_value(api: httpx.AsyncClient, unique: str) -> None:
    product = await add_product(api, unique.upper())
    path = f"/v1/products/{product['id']}"
    answer = await api.patch(path, json={"name": "B"}, headers={"If-Match": '"99999999999999999999"'})
    assert answer.status_code == 412
    placed = await api.post("/v1/orders", json={"items": [{"sku": unique.upper(), "quantity": 1}]})
    cluster = placed.headers["consistency-token"].partition(":")[0]
    future = {"Consistency-Token": f"{cluster}:orders/0@{10**23}"}
    problem(await api.delete("/v1/orders/none", headers=future), 400, "future_consistency_token")


@pytest.mark.parametrize("name", ["application/ndjson", "application/jsonl", "Application/JSON; charset=utf-8"])
async def test_a_bulk_is_taken_under_each_name_of_its_type(api: httpx.AsyncClient, name: str) -> None:
    assert (await api.post("/v1/bulk", content=b"{}", headers={"Content-Type": name})).status_code == 200


@pytest.mark.parametrize(
    ("header", "values", "code"),
    [
        ("If-Match", ('"9"', '"1"'), "bad_if_match"),
        ("If-None-Match", ("*", "*"), "bad_if_none_match"),
        ("Idempotency-Key", ("a", "b"), "bad_idempotency_key"),
        ("Prefer", ("respond-async", "wait=999"), "bad_prefer"),
    ],
)
async def test_all_lines_of_a_header_count(
    api: httpx.AsyncClient, header: str, values: tuple[str, str], code: str
) -> None:
    answer = await api.delete("/v1/orders/none", headers=[(header, value) for value in values])
    problem(answer, 400, code)


async def test_a_body_above_the_bound_is_refused(api: httpx.AsyncClient, settings: Settings) -> None:
    body = b" " * (settings.max_body_bytes + 1)
    problem(await api.post("/v1/orders", content=body), 413, "body_too_large")


async def test_an_unknown_query_parameter_is_refused(api: httpx.AsyncClient) -> None:
    problem(await api.delete("/v1/orders/none?dry=1"), 400, "unknown_parameter")


async def bulk(api: httpx.AsyncClient, *lines: dict[str, Any] | str) -> list[dict[str, Any]]:
    content = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    answer = await api.post("/v1/bulk", content=content, headers=NDJSON)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


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


async def test_an_order_whose_total_no_read_model_can_hold_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper(), price=10_000_000)
    items = [{"sku": unique.upper(), "quantity": 10_000_000}]
    problem(await api.post("/v1/orders", json={"items": items}), 422, "validation_failed")


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


async def test_a_command_whose_events_fit_no_batch_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    sku, name = unique.upper(), "N" * 450
    await add_product(api, sku, name=name)
    items = [{"sku": sku, "quantity": 1}] * 1_500
    refused = await api.post("/v1/orders", json={"items": items})
    problem(refused, 413, "command_too_large")
    assert "etag" not in refused.headers  # there is no order


async def test_every_error_is_described_as_a_problem(api: httpx.AsyncClient) -> None:
    described = (await api.get("/openapi.json")).json()
    reference = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            statuses = {int(status) for status in operation["responses"] if int(status) >= 400}
            if path in ("/health", "/ready", "/routing"):
                assert statuses - {503} == {400, 408, 431}, path
            elif path == "/v1/bulk":
                assert statuses == {400, 408, 413, 415, 431, 503}
            else:
                assert statuses == {400, 404, 408, 409, 412, 413, 415, 422, 431, 503}, path
            for status in statuses - ({503} if path == "/ready" else set()):
                assert operation["responses"][str(status)]["content"] == {"application/problem+json": reference}, path
    assert "code" in described["components"]["schemas"]["ProblemBody"]["required"]
    assert "HTTPValidationError" not in described["components"]["schemas"]


async def test_the_interface_is_described_with_examples(api: httpx.AsyncClient) -> None:
    described = (await api.get("/openapi.json")).json()
    assert {"/v1/products", "/v1/orders", "/v1/bulk", "/v1/stock/{sku}/receipts"} <= set(described["paths"])
    schemas = described["components"]["schemas"]
    assert all(schemas[name]["examples"] for name in ("NewProduct", "NewOrder", "Receipt", "Count", "Adjustment"))


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
