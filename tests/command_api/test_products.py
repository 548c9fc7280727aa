"""Products and their stock over HTTP, on real Kafka. What projections make of them is in tests/e2e."""

import httpx

from infra.settings import Settings
from tests.command_api.asking import add_product, events_of, problem
from tests.support.poll import until


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


async def test_a_count_sets_the_shelf_and_an_adjustment_cannot_empty_it_further(
    api: httpx.AsyncClient, unique: str
) -> None:
    sku = unique.upper()
    await add_product(api, sku)
    counted = await api.put(f"/v1/stock/{sku}/MAIN/count", json={"counted_quantity": 5})
    assert counted.json()["events"][0]["counted_quantity"] == 5
    refused = await api.post(f"/v1/stock/{sku}/adjustments", json={"delta": -6, "reason": "DAMAGED"})
    assert problem(refused, 409, "insufficient_stock")["available"] == 5
