"""A shop from the outside: what is added, ordered, refused, called off and counted, until queries show it."""

import asyncio

from event_schemas.record import recorded
from event_schemas.topics import TOPICS
from infra.log_audit import read_batches
from infra.settings import Settings
from tests.e2e.product import Product
from tests.support.poll import until


async def test_fifty_less_an_order_of_three_is_forty_seven(product: Product, unique: str) -> None:
    added = await product.add(unique.upper(), 50)
    order = await product.order((unique.upper(), 3), user_id="alice")
    assert order["status"] == "CONFIRMED"
    shown = await product.shows(f"/v1/products/{added['id']}", {"quantity": 47})
    assert (shown["on_hand"], shown["reserved"], shown["price"]) == (50, 3, 249.99)
    moved = await product.get(f"/v1/stock/{unique.upper()}/movements")
    assert [(one["kind"], one["quantity"], one["balance_after"]) for one in moved["items"]] == [
        ("RESERVED", 3, 47),
        ("RECEIVED", 50, 50),
    ]


async def test_a_query_with_the_token_of_a_command_sees_its_write(product: Product, unique: str) -> None:
    await product.add(unique.upper(), 1)
    for number in range(20):
        body = {"quantity": 1}
        answer = await product.command.post(f"/v1/stock/{unique.upper()}/receipts", json=body)
        token = {"Consistency-Token": answer.headers["consistency-token"]}
        shown = await product.query.get(f"/v1/stock/{unique.upper()}", headers=token)
        assert shown.json()["on_hand"] == number + 2


async def test_an_order_of_more_than_there_is_is_rejected_and_what_it_held_goes_back(
    product: Product, unique: str
) -> None:
    plenty, scarce = f"{unique.upper()}-A", f"{unique.upper()}-B"
    await product.add(plenty, 10)
    await product.add(scarce, 1)
    order = await product.order((plenty, 4), (scarce, 2))
    assert order["status"] == "REJECTED"
    await product.shows(f"/v1/stock/{plenty}", {"available": 10, "reserved": 0})
    await product.shows(f"/v1/stock/{scarce}", {"available": 1, "reserved": 0})
    await product.shows(f"/v1/orders/{order['order_id']}", {"status": "REJECTED"})
    timeline = await product.get(f"/v1/orders/{order['order_id']}/timeline")
    types = [entry["type"].removesuffix(".v1") for entry in timeline["items"]]
    assert (types[0], types[-1]) == ("order.placed", "order.rejected")
    assert set(types[1:-1]) == {"order.stock_recorded"}


async def test_two_lines_of_one_sku_are_one_demand(product: Product, unique: str) -> None:
    await product.add(unique.upper(), 5)
    assert (await product.order((unique.upper(), 3), (unique.upper(), 3)))["status"] == "REJECTED"
    assert (await product.order((unique.upper(), 3), (unique.upper(), 2)))["status"] == "CONFIRMED"
    await product.shows(f"/v1/stock/{unique.upper()}", {"available": 0, "reserved": 5})


async def test_forty_buyers_of_ten_pieces_get_exactly_ten(product: Product, unique: str) -> None:
    await product.add(unique.upper(), 10)
    orders = await asyncio.gather(*(product.order((unique.upper(), 1)) for _ in range(40)))
    assert sorted(order["status"] for order in orders) == ["CONFIRMED"] * 10 + ["REJECTED"] * 30
    await product.shows(f"/v1/stock/{unique.upper()}", {"available": 0, "reserved": 10, "on_hand": 10})


async def test_a_cancelled_order_gives_its_stock_back_and_counts_as_sold_no_more(product: Product, unique: str) -> None:
    added = await product.add(unique.upper(), 5)
    order = await product.order((unique.upper(), 2), user_id=unique)
    await product.shows(f"/v1/orders/{order['order_id']}", {"status": "CONFIRMED"})
    assert (await product.command.delete(f"/v1/orders/{order['order_id']}")).status_code == 200
    await product.shows(f"/v1/stock/{unique.upper()}", {"available": 5, "reserved": 0})
    await product.shows(f"/v1/orders/{order['order_id']}", {"status": "CANCELLED"})
    sold = await product.get("/v1/top-sellers", limit=100)
    assert all(item["product_id"] != added["id"] or item["total_quantity_sold"] <= 0 for item in sold["items"])


async def test_a_count_below_what_is_promised_frees_the_newest_and_flags_its_order(
    product: Product, unique: str
) -> None:
    await product.add(unique.upper(), 5)
    first = await product.order((unique.upper(), 2))
    second = await product.order((unique.upper(), 3))
    await product.command.put(f"/v1/stock/{unique.upper()}/MAIN/count", json={"counted_quantity": 4})
    await product.shows(f"/v1/stock/{unique.upper()}", {"on_hand": 4, "reserved": 2, "available": 2})

    async def flagged(order_id: str) -> bool:
        timeline = await product.get(f"/v1/orders/{order_id}/timeline")
        return any(entry["type"].startswith("order.flagged") for entry in timeline["items"])

    await until(lambda: flagged(second["order_id"]), bool)
    assert not await flagged(first["order_id"])


async def test_a_guest_order_and_a_customers_are_found_where_they_belong(product: Product, unique: str) -> None:
    await product.add(unique.upper(), 5)
    guest = await product.order((unique.upper(), 1))
    hers = await product.order((unique.upper(), 1), user_id=unique)
    await product.shows(f"/v1/orders/{hers['order_id']}", {"status": "CONFIRMED", "user_id": unique})
    listed = await product.get(f"/v1/orders/user/{unique}")
    assert [order["order_id"] for order in listed["items"]] == [hers["order_id"]]
    assert guest["user_id"] is None


async def test_the_story_of_an_order_has_one_correlation_from_command_to_confirmation(
    product: Product, settings: Settings, unique: str
) -> None:
    await product.add(unique.upper(), 5)
    order = await product.order((unique.upper(), 1))
    log = [recorded(record) async for batch in read_batches(settings) for record in batch.records]
    hers = [one for topic in TOPICS for one in log if topic.name == one.topic and order["order_id"] in str(one.event)]
    assert {"order.placed.v1", "stock.reserved.v1", "order.confirmed.v1"} <= {one.envelope.type for one in hers}
    assert len({one.envelope.correlation_id for one in hers}) == 1
    ids = {one.envelope.id for one in log}
    assert all(one.envelope.causation_id in ids for one in hers if one.envelope.actor.startswith("system:"))
