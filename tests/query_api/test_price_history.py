"""The prices of a product over HTTP, in pages."""

import httpx

from event_schemas import catalog
from event_schemas.event import Event
from tests.projectors.log import added, gbp
from tests.query_api.shelf import Shelf


async def test_cursors_lead_through_all_prices_of_a_product_once(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    skus = [f"{unique.upper()}-{letter}" for letter in "AB"]
    variants = [{"sku": sku, "price": {"amount": 100, "currency": "GBP"}} for sku in skus]
    events: list[Event] = [added(unique, "Mug", variants=variants)]
    for price, sku in ((200, skus[0]), (300, skus[1]), (400, skus[0])):
        of = {"product_id": f"p-{unique}", "sku": sku}
        events.append(catalog.PriceChanged(**of, old_price=gbp(100), new_price=gbp(price)))
    await shelf.feed([shelf.log.add(event) for event in events])
    path = f"/v1/products/p-{unique}/price-history"
    whole = (await client.get(path)).json()
    told = [(item["sku"], item["new_price"]) for item in whole["items"]]
    assert told == [(skus[0], 4.0), (skus[1], 3.0), (skus[0], 2.0), (skus[0], 1.0), (skus[1], 1.0)]
    assert whole["next_cursor"] is None
    paged, parameters = [], {"limit": "1"}
    while True:
        page = (await client.get(path, params=parameters)).json()
        paged += page["items"]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert paged == whole["items"]
    other = await client.get("/v1/products/p-22423/price-history", params=parameters)
    assert (other.status_code, other.json()["code"]) == (400, "bad_cursor")
