"""Orders over HTTP, on real Kafka, with nobody to settle them. What policies make of them is in tests/e2e."""

import httpx

from tests.command_api.asking import add_product, bulk, problem


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


async def test_an_order_whose_total_no_read_model_can_hold_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    await add_product(api, unique.upper(), price=10_000_000)
    items = [{"sku": unique.upper(), "quantity": 10_000_000}]
    problem(await api.post("/v1/orders", json={"items": items}), 422, "validation_failed")


async def test_a_command_whose_events_fit_no_batch_is_refused(api: httpx.AsyncClient, unique: str) -> None:
    sku, name = unique.upper(), "N" * 450
    await add_product(api, sku, name=name)
    items = [{"sku": sku, "quantity": 1}] * 1_500
    refused = await api.post("/v1/orders", json={"items": items})
    problem(refused, 413, "command_too_large")
    assert "etag" not in refused.headers  # there is no order
