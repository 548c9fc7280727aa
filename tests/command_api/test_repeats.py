"""What is sent again has one effect and its first answer; what is to be created must not be there already."""

import asyncio

import httpx
import pytest

from infra.settings import Settings
from tests.command_api.asking import add_product, events_of, problem


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
