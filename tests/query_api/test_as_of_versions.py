"""Any version and any time of an order, a product and a stock item is what was live then."""

from datetime import timedelta
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid4

from event_schemas import catalog, order, stock
from event_schemas.event import Event
from tests.projectors.log import added, cancelled, gbp, placed, received, released, reserved
from tests.query_api.past import DAY, LATER, asked
from tests.query_api.shelf import Shelf

MANY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def live_after_each(client: httpx.AsyncClient, shelf: Shelf, path: str, events: list[Event], subject: str) -> Any:
    """What the live endpoint says after each event, an hour after the other."""
    shown = []
    for number, event in enumerate(events):
        await shelf.feed([shelf.log.add(event, at=DAY + timedelta(hours=number), subject=subject, partition=2)])
        shown.append(await asked(client, path))
    return shown


async def is_as_it_was(client: httpx.AsyncClient, path: str, live: list[Any]) -> None:
    """By version and by time, each state is what was live then."""
    for number, then in enumerate(live):
        assert await asked(client, path, number + 1) == then
        assert await asked(client, path, (DAY + timedelta(hours=number, minutes=30)).isoformat()) == then
    assert await asked(client, path, LATER) == live[-1]


def an_order(order_id: str) -> st.SearchStrategy[list[Event]]:
    lines = {"85123A": 2, "71053": 1}
    after: list[Event] = [
        order.OrderConfirmed(order_id=order_id, payment_id="pay-1", placed_at=DAY, lines=()),
        cancelled(order_id, lines),
        order.OrderRejected(order_id=order_id, reason=order.OrderRejection.OUT_OF_STOCK, skus=("71053",)),
        order.OrderExpired(order_id=order_id, placed_at=DAY),
        order.OrderFlagged(order_id=order_id, reason="SHORTFALL", sku="71053"),
        order.OrderStockRecorded(order_id=order_id, results=()),
    ]
    return st.lists(st.sampled_from(after), max_size=5, unique_by=type).map(
        lambda rest: [placed(order_id, lines, at=DAY), *rest]
    )


@MANY
@given(data=st.data())
async def test_every_version_of_an_order_is_what_was_live_then(
    client: httpx.AsyncClient, shelf: Shelf, data: st.DataObject
) -> None:
    order_id = str(uuid4())
    events = data.draw(an_order(order_id))
    path = f"/v1/orders/{order_id}"
    await is_as_it_was(client, path, await live_after_each(client, shelf, path, events, order_id))


def a_product(sku: str) -> st.SearchStrategy[list[Event]]:
    product_id, book = f"p-{sku}", catalog.Book(author="Ada", isbn="0-439-02348-3", keywords=("x",))
    prices = {"product_id": product_id, "old_price": gbp(250)}
    after: list[Event] = [
        catalog.ProductDescribed(product_id=product_id, name="Other", image_url="https://example.org/a.png"),
        catalog.ProductDescribed(product_id=product_id, book=book),
        catalog.ProductDescribed(product_id=product_id, description="Text"),
        catalog.PriceChanged(**prices, sku=sku, new_price=gbp(300)),
        catalog.PriceChanged(**prices, sku=f"{sku}-B", new_price=gbp(999)),
        catalog.ProductWithdrawn(product_id=product_id, reason=catalog.WithdrawalReason.OTHER, note="Moths"),
    ]
    begun = st.sampled_from([added(sku, "Thing"), added(sku, "Tale", book={"author": "Bo", "published_year": 1990})])
    return st.tuples(begun, st.lists(st.sampled_from(after), max_size=5)).map(lambda both: [both[0], *both[1]])


@MANY
@given(data=st.data())
async def test_every_version_of_a_product_is_what_was_live_then(
    client: httpx.AsyncClient, shelf: Shelf, data: st.DataObject
) -> None:
    sku = f"S-{uuid4().hex[:10]}"
    events = data.draw(a_product(sku))
    path = f"/v1/products/p-{sku}"
    await is_as_it_was(client, path, await live_after_each(client, shelf, path, events, f"p-{sku}"))


def a_ledger(sku: str) -> st.SearchStrategy[list[Event]]:
    counted = {"sku": sku, "warehouse_id": "MAIN", "previous_quantity": 5}
    refused = {"sku": sku, "reservation_id": "r9", "purpose": "SALE", "ref_id": "o", "requested": 9, "available": 1}
    after: list[Event] = [
        received(sku, 7, "NORTH"),
        reserved(sku, f"{sku}-r1", 2),
        released(sku, f"{sku}-r1", 2),
        stock.StockCounted(**counted, counted_quantity=3),
        stock.StockReservationRejected.model_validate({**refused, "reason": "OUT_OF_STOCK"}),
    ]
    once = st.lists(st.sampled_from(after), max_size=5, unique_by=id)
    return once.map(lambda rest: [received(sku, 50), *rest])


@MANY
@given(data=st.data())
async def test_every_version_of_a_stock_item_is_what_was_live_then(
    client: httpx.AsyncClient, shelf: Shelf, data: st.DataObject
) -> None:
    sku = f"S-{uuid4().hex[:10]}"
    events = data.draw(a_ledger(sku))
    path = f"/v1/stock/{sku}"
    await is_as_it_was(client, path, await live_after_each(client, shelf, path, events, sku))
