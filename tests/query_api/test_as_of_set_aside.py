"""Versions whose event a read model has parked, dropped or not read yet: the past is not answered with another one."""

import httpx
import pytest

from event_schemas import order, stock
from event_schemas.record import Recorded
from projectors.read_models.registry import PROJECTIONS
from tests.projectors.log import added, placed, received
from tests.query_api.past import LATER, asked, code
from tests.query_api.shelf import Shelf


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
