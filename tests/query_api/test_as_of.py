"""The past over HTTP: any version and any time of an order, a product and a stock item; the newest is what is live."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid4

from event_schemas import catalog, order, stock
from event_schemas.event import Event
from event_schemas.record import Recorded
from projectors.read_models.registry import PROJECTIONS
from tests.projectors.log import added, cancelled, gbp, placed, received, released, reserved
from tests.query_api.shelf import Shelf

DAY = datetime(2012, 1, 1, tzinfo=UTC)
LATER = "2199-01-01T00:00:00Z"
MANY = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def asked(client: httpx.AsyncClient, path: str, as_of: object = None) -> tuple[dict[str, Any], str | None]:
    """Body and ETag."""
    answer = await client.get(path, params={} if as_of is None else {"as_of": str(as_of)})
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.headers.get("etag")


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


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


async def test_a_product_shows_the_stock_of_the_same_time(client: httpx.AsyncClient, shelf: Shelf, unique: str) -> None:
    sku = unique.upper()
    for number, event in enumerate([added(sku, "Lamp"), received(sku, 50), reserved(sku, f"{sku}-r", 3)]):
        await shelf.feed([shelf.log.add(event, at=DAY + timedelta(hours=number))])
    times = [(DAY + timedelta(hours=hours)).isoformat() for hours in range(3)]
    assert [(await asked(client, f"/v1/products/p-{sku}", time))[0]["quantity"] for time in times] == [0, 50, 47]
    assert (await asked(client, f"/v1/products/p-{sku}", 1))[0]["quantity"] == 0


async def test_by_time_counts_what_happened_until_then_though_it_was_recorded_later(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    sku = unique.upper()
    for hours, event in ((0, added(sku, "Lamp")), (5, received(sku, 50)), (2, received(sku, 7))):
        await shelf.feed([shelf.log.add(event, at=DAY + timedelta(hours=hours))])
    shown, _ = await asked(client, f"/v1/stock/{sku}", (DAY + timedelta(hours=3)).isoformat())
    assert shown["available"] == 7


async def test_a_version_that_only_one_of_audit_and_stock_knows_is_not_answered_with_another(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    sku = unique.upper()
    await shelf.feed([shelf.log.add(added(sku, "Lamp"))])
    first = [shelf.log.add(received(sku, 50))]
    await shelf.feed(first, without=["audit_stock"])
    answer = await client.get(f"/v1/stock/{sku}", params={"as_of": "1"})
    assert (code(answer), answer.json()["newest"]) == ((404, "version_not_reached"), 0)
    names = {one.name for one in PROJECTIONS}
    await shelf.feed(first, without=names - {"audit_stock"})
    second = [shelf.log.add(received(sku, 7))]
    await shelf.feed(second, without=["stock"])
    assert code(await client.get(f"/v1/stock/{sku}", params={"as_of": "2"})) == (503, "projection_lagging")
    assert (await asked(client, f"/v1/stock/{sku}", 1))[0]["available"] == 50
    await shelf.feed(second, without=names - {"stock"})
    assert (await asked(client, f"/v1/stock/{sku}", 2))[0]["available"] == 57


def flagged_twice(shelf: Shelf, order_id: str) -> list[Recorded]:
    flags = [order.OrderFlagged(order_id=order_id, reason=reason) for reason in ("SHORTFALL", "LATE")]
    return [shelf.log.add(event) for event in (placed(order_id, {"71053": 1}), *flags)]


async def test_a_version_whose_event_the_audit_has_parked_is_called_parked_until_it_is_retried(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    first, *later = flagged_twice(shelf, unique)
    await shelf.feed([first])
    await shelf.feed(later, without=["audit_orders"])
    await shelf.park("audit_orders", later)
    for version, item in enumerate(later, 2):
        answer = await client.get(f"/v1/orders/{unique}", params={"as_of": str(version)})
        assert code(answer) == (404, "version_parked")
        told = {"projection": "audit_orders", "place": f"orders/0@{item.offset}"}
        assert answer.json().items() >= told.items()
    beyond = await client.get(f"/v1/orders/{unique}", params={"as_of": "4"})
    assert (code(beyond), beyond.json()["newest"]) == ((404, "version_not_reached"), 3)
    await shelf.retry("audit_orders", unique)
    assert (await asked(client, f"/v1/orders/{unique}", 3))[0]["version"] == 3


async def test_of_an_aggregate_whose_events_are_all_parked_a_version_beyond_is_not_reached(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    events = flagged_twice(shelf, unique)
    await shelf.feed(events, without=["audit_orders"])
    await shelf.park("audit_orders", events)
    answer = await client.get(f"/v1/orders/{unique}", params={"as_of": "9"})
    assert (code(answer), answer.json()["newest"]) == ((404, "version_not_reached"), 3)


@pytest.mark.parametrize("dropped", [1, 2, 3])
async def test_a_version_whose_event_was_dropped_is_called_dropped_with_who_and_why(
    client: httpx.AsyncClient, shelf: Shelf, unique: str, dropped: int
) -> None:
    events = flagged_twice(shelf, unique)
    await shelf.feed(events, without=["audit_orders"])
    await shelf.park("audit_orders", events)
    await shelf.drop("audit_orders", events[dropped - 1], reason="sent twice")
    answer = await client.get(f"/v1/orders/{unique}", params={"as_of": str(dropped)})
    assert code(answer) == (404, "version_dropped")
    told = {"projection": "audit_orders", "dropped_by": "staff:operator", "reason": "sent twice"}
    assert answer.json().items() >= told.items()
    for other in {2, 3} - {dropped} if dropped > 1 else ():
        assert (await asked(client, f"/v1/orders/{unique}", other))[0]["version"] == other


async def test_a_version_whose_movement_is_parked_or_dropped_is_not_answered_with_the_stock_before_it(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    sku = unique.upper()
    await shelf.feed([shelf.log.add(added(sku, "Lamp"))])
    first, second = (shelf.log.add(received(sku, quantity)) for quantity in (50, 7))
    await shelf.feed([first])
    await shelf.feed([second], without=["stock"])
    await shelf.park("stock", [second])
    answer = await client.get(f"/v1/stock/{sku}", params={"as_of": "2"})
    assert (code(answer), answer.json()["projection"]) == ((404, "version_parked"), "stock")
    await shelf.drop("stock", second, reason="sent twice")
    answer = await client.get(f"/v1/stock/{sku}", params={"as_of": "2"})
    assert (code(answer), answer.json()["dropped_by"]) == ((404, "version_dropped"), "staff:operator")
    assert (await asked(client, f"/v1/stock/{sku}", 1))[0]["available"] == 50


async def test_a_refused_demand_that_stock_has_set_aside_counts_no_more_in_the_past_than_it_does_live(
    client: httpx.AsyncClient, shelf: Shelf, unique: str
) -> None:
    sku = unique.upper()
    refused = {"sku": sku, "reservation_id": "r", "purpose": "SALE", "ref_id": "o", "requested": 9, "available": 1}
    rejected = stock.StockReservationRejected.model_validate({**refused, "reason": "OUT_OF_STOCK"})
    await shelf.feed([shelf.log.add(received(sku, 1)), shelf.log.add(rejected)])
    second, third = (shelf.log.add(event) for event in (rejected, received(sku, 2)))
    await shelf.feed([second, third], without=["stock"])
    await shelf.park("stock", [second, third])

    async def rejections(as_of: object = None) -> int:
        shown, _ = await asked(client, f"/v1/stock/{sku}", as_of)
        return int(shown["rejections"])

    assert [await rejections(moment) for moment in (None, LATER, 2, 1)] == [1, 1, 1, 0]
    await shelf.drop("stock", second, reason="sent twice")
    assert [await rejections(moment) for moment in (None, LATER, 4)] == [1, 1, 1]


@pytest.mark.parametrize("path", ["/v1/orders/o05", "/v1/products/p-22423", "/v1/stock/85123A"])
async def test_a_version_that_is_not_reached_is_not_found_and_says_the_newest(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path, params={"as_of": "99"})
    assert code(answer) == (404, "version_not_reached")
    assert answer.json()["newest"] in {2, 3}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/v1/orders/o05", "order_not_found"), ("/v1/products/p-22423", "product_not_found")],
)
async def test_before_its_first_event_there_was_nothing(client: httpx.AsyncClient, path: str, expected: str) -> None:
    assert code(await client.get(path, params={"as_of": "1999-01-01T00:00:00Z"})) == (404, expected)


async def test_before_its_first_movement_a_sku_had_no_stock(client: httpx.AsyncClient) -> None:
    shown, _ = await asked(client, "/v1/stock/85123A", "1999-01-01T00:00:00Z")
    assert (shown["available"], shown["levels"]) == (0, [])


@pytest.mark.parametrize("path", ["/v1/orders/none", "/v1/products/none", "/v1/stock/none"])
@pytest.mark.parametrize("as_of", ["1", LATER])
async def test_what_never_was_is_not_found(client: httpx.AsyncClient, path: str, as_of: str) -> None:
    assert (await client.get(path, params={"as_of": as_of})).status_code == 404


@pytest.mark.parametrize(
    "as_of",
    [
        *("", "0", "-1", "01", "9" * 30, "yesterday", "2011-03-01", "2011-03-01T12:00:00", "2011-03-01T12:00Z"),
        *("2011-W01-1T00:00:00Z", "20110301T120000Z", "2011-060T12:00:00Z", "2011-03-01T12:00:00+0100"),
        *("2011-02-30T12:00:00Z", "2011-03-01T12:00:00.Z", "٢٠١١-03-01T12:00:00Z"),
    ],
)
async def test_what_names_no_moment_is_refused(client: httpx.AsyncClient, as_of: str) -> None:
    assert code(await client.get("/v1/orders/o05", params={"as_of": as_of})) == (422, "validation_failed")


@pytest.mark.parametrize("as_of", ["2199-01-01t00:00:00.123456789z", "2199-01-01 00:00:00-00:00"])
async def test_every_form_of_a_time_that_the_rfc_has_is_taken(client: httpx.AsyncClient, as_of: str) -> None:
    now = (await client.get("/v1/orders/o05")).json()
    assert (await asked(client, "/v1/orders/o05", as_of))[0] == now


async def test_a_time_long_before_and_long_after_everything_is_a_time_too(client: httpx.AsyncClient) -> None:
    now = (await client.get("/v1/orders/o05")).json()
    assert (await client.get("/v1/orders/o05", params={"as_of": "9999-12-31T23:59:59-14:00"})).json() == now
    assert (await client.get("/v1/orders/o05", params={"as_of": "0001-01-01T00:00:00+14:00"})).status_code == 404
