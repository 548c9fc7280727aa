"""What cannot be read, or does not fit, is refused with a stable code."""

from typing import Any

import httpx
import pytest

from infra.settings import Settings
from tests.command_api.asking import add_product, problem

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
