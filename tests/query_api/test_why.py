"""Why something is as it is, over HTTP: commands, events, rows, and what could not be applied."""

from typing import Any

import asyncpg
import httpx
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from event_schemas import order, stock
from event_schemas.envelope import to_headers
from event_schemas.operations import RecordVoided
from event_schemas.record import LogRecord
from infra.settings import Settings
from projectors.stores.redis_keys import parked_pair
from projectors.stores.store import Parked
from query_api.sources import Sources
from query_api.why_tree import tree
from tests.projectors.log import Log, added, confirmed, placed, received, reserved
from tests.query_api.conftest import client_of
from tests.query_api.shelf import Shelf

Json = dict[str, Any]


async def explained(client: httpx.AsyncClient, subject: str, **parameters: object) -> Json:
    answer = await client.get(f"/v1/why/{subject}", params={name: str(value) for name, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def a_sale(shelf: Shelf, name: str) -> None:
    """Fifty are received; an order of three is placed, reserved, and confirmed by the policy."""
    log, sku, story = shelf.log, f"SKU-{name}", f"story-{name}"
    await shelf.feed([log.add(added(sku, "Lamp"), command_id=f"add-{name}", correlation_id=f"add-{name}")])
    arrived = log.add(received(sku, 50), command_id=f"receive-{name}", correlation_id=f"add-{name}")
    first = log.add(
        placed(name, {sku: 3}), command_id=f"place-{name}", causation_id=f"place-{name}", correlation_id=story
    )
    kept = log.add(
        reserved(sku, f"r-{name}", 3),
        command_id=f"reserve-{name}",
        causation_id=first.envelope.id,
        actor="system:buy",
        correlation_id=story,
    )
    counted = order.OrderStockRecorded(order_id=name, results=())
    settled = [
        log.add(
            event, command_id=f"record-{name}", causation_id=kept.envelope.id, actor="system:buy", correlation_id=story
        )
        for event in (counted, confirmed(name, {sku: 3}))
    ]
    await shelf.feed([arrived, first, kept, *settled])


async def test_an_order_is_told_from_its_command_to_its_confirmation(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await a_sale(shelf, "w1")
    shown = await explained(client, "w1")
    (command,) = shown["stories"]
    assert (command["id"], command["actor"], command["correlation_id"]) == ("place-w1", "user:u1", "story-w1")
    (first,) = command["events"]
    (reserve,) = first["then"]
    (kept,) = reserve["events"]
    (record,) = kept["then"]
    assert [one["type"] for one in (first, kept, *record["events"])] == [
        "order.placed.v1",
        "stock.reserved.v1",
        "order.stock_recorded.v1",
        "order.confirmed.v1",
    ]
    assert (reserve["actor"], record["actor"]) == ("system:buy", "system:buy")
    (moved,) = kept["rows"]
    assert moved["table"] == "stock.movements"
    assert moved["row"].items() >= {"kind": "RESERVED", "reserved_delta": 3, "balance_after": 47}.items()
    rows = {row["table"]: row["row"] for row in record["events"][1]["rows"]}
    assert set(rows) == {"orders.timeline", "orders.orders", "sales.sold_daily"}
    assert rows["orders.orders"]["status"] == "CONFIRMED"
    assert rows["sales.sold_daily"].items() >= {"day": "2011-03-01", "sku": "SKU-w1", "quantity": 3}.items()
    assert (shown["dead_letters"], shown["truncated"], shown["stock"]) == ([], False, None)


async def test_why_47_is_answered_by_the_stories_that_moved_the_stock(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await a_sale(shelf, "w2")
    shown = await explained(client, "SKU-w2")
    assert shown["stock"] == {"on_hand": 50, "reserved": 3, "available": 47}
    assert {one["id"] for one in shown["stories"]} == {"add-w2", "receive-w2", "place-w2"}
    newest = await explained(client, "SKU-w2", stories=1)
    assert ([one["id"] for one in newest["stories"]], newest["truncated"]) == (["place-w2"], True)


async def test_a_product_is_told_with_its_prices(client: httpx.AsyncClient) -> None:
    shown = await explained(client, "p-22423")
    events = [event for command in shown["stories"] for event in command["events"] if event["subject"] == "p-22423"]
    tables = [row["table"] for event in events for row in event["rows"]]
    assert tables.count("catalog.price_history") == 2
    assert tables.count("catalog.products") == 1


async def test_what_could_not_be_applied_hangs_below_its_event_and_what_queues_behind_it_too(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    await a_sale(shelf, "w3")
    again = shelf.log.add(placed("w3", {"SKU-w3": 3}), command_id="again", correlation_id="story-w3")
    behind = shelf.log.add(
        order.OrderFlagged(order_id="w3", reason="X"), command_id="behind", correlation_id="story-w3"
    )
    await shelf.feed([again, behind], poison=True)
    shown = await explained(client, "w3")
    letters = {
        event["type"]: [(letter["reader"], letter["code"]) for letter in event["dead_letters"]]
        for command in shown["stories"]
        if command["id"] in {"again", "behind"}
        for event in command["events"]
    }
    assert letters == {
        "order.placed.v1": [("order_history", "apply_failed")],
        "order.flagged.v1": [("order_history", "queued_behind")],
    }


async def test_what_was_dropped_is_told_with_who_and_why(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await a_sale(shelf, "w4")
    flagged = shelf.log.add(order.OrderFlagged(order_id="w4", reason="X"), command_id="flag", correlation_id="story-w4")
    place = {"record_topic": "orders", "record_partition": flagged.partition, "record_offset": flagged.offset}
    voided = RecordVoided(record_id="r4", projection="sales", key="w4", reason="sent twice", **place)
    await shelf.feed([flagged, shelf.log.add(voided, actor="staff:operator")])
    shown = await explained(client, "w4")
    told = [
        (event["type"], letter["reader"], letter["code"], letter["error"])
        for command in shown["stories"]
        for event in command["events"]
        for letter in event["dead_letters"]
    ]
    assert told == [("order.flagged.v1", "sales", "dropped", "sent twice (staff:operator)")]


async def test_an_order_is_found_by_the_number_that_people_know_it_by(client: httpx.AsyncClient, shelf: Shelf) -> None:
    await a_sale(shelf, "w5/a")
    for number in ("N-w5/a", "N-W5/A"):
        assert (await client.get(f"/v1/why/{number}")).status_code == (200 if number == "N-w5/a" else 404)
    shown = await explained(client, "N-w5/a")
    assert (shown["id"], shown) == ("w5/a", await explained(client, "w5/a"))
    numbered = {**placed("w5up", {"SKU-w5/a": 1}).model_dump(), "order_number": "SO-00AA"}
    await shelf.feed([shelf.log.add(order.OrderPlaced.model_validate(numbered), command_id="up", correlation_id="up")])
    assert (await explained(client, "so-00aa"))["id"] == "w5up"


async def test_of_a_number_that_several_orders_have_all_are_named(client: httpx.AsyncClient, shelf: Shelf) -> None:
    for name in ("w6a", "w6b"):
        both = {**placed(name, {"71053": 1}).model_dump(), "order_number": "5363"}
        await shelf.feed([shelf.log.add(order.OrderPlaced.model_validate(both))])
    answer = await client.get("/v1/why/5363")
    assert (answer.status_code, answer.json()["code"]) == (409, "order_number_shared")
    assert set(answer.json()["order_ids"]) == {"w6a", "w6b"}


async def test_an_order_that_its_read_model_has_set_aside_is_found_by_its_number(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    twice = [shelf.log.add(placed("w7", {"71053": 1}), command_id=f"w7-{one}", correlation_id="w7") for one in "ab"]
    numbered = {**placed("w7", {"71053": 1}).model_dump(), "order_number": "SO-7"}
    other = shelf.log.add(order.OrderPlaced.model_validate(numbered), command_id="w7-c", correlation_id="w7")
    await shelf.feed([*twice, other], poison=True)
    shown = await explained(client, "SO-7")
    assert shown["id"] == "w7"
    place = {"record_topic": "orders", "record_partition": other.partition, "record_offset": other.offset}
    voided = RecordVoided(record_id="r7", projection="order_history", key="w7", reason="sent twice", **place)
    await shelf.feed([shelf.log.add(voided, actor="staff:operator")])
    assert (await explained(client, "so-7"))["id"] == "w7"


async def test_a_level_that_its_movements_do_not_add_up_to_is_told(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings
) -> None:
    await a_sale(shelf, "w8")
    assert (await explained(client, "SKU-w8"))["disagreements"] == []
    connection = await asyncpg.connect(own_settings.dsn)
    await connection.execute("UPDATE stock.levels SET on_hand = 49 WHERE sku = 'SKU-w8'")
    await connection.close()
    shown = await explained(client, "SKU-w8")
    assert shown["stock"] == {"on_hand": 49, "reserved": 3, "available": 46}
    moved = {"moved_on_hand": 50, "moved_reserved": 3}
    assert shown["disagreements"] == [{"warehouse_id": "MAIN", "on_hand": 49, "reserved": 3, **moved}]


async def test_the_day_of_what_was_dropped_from_sales_is_not_shown_as_made_of_it(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    await a_sale(shelf, "w9")
    again = shelf.log.add(confirmed("w9", {"SKU-w9": 3}), command_id="again-w9", correlation_id="story-w9")
    place = {"record_topic": "orders", "record_partition": again.partition, "record_offset": again.offset}
    dropped = {"projection": "sales", "reason": "sent twice", **place}
    # A record without a key, as whoever made it had it: its place alone says what was dropped.
    voided = RecordVoided.model_validate({"record_id": "r9", "key": "", **dropped})
    await shelf.feed([again, shelf.log.add(voided, actor="staff:operator")])
    events = [event for one in (await explained(client, "w9"))["stories"] for event in one["events"]]
    (told,) = [event for event in events if event["offset"] == again.offset and event["topic"] == "orders"]
    assert [(one["reader"], one["code"]) for one in told["dead_letters"]] == [("sales", "dropped")]
    assert "sales.sold_daily" not in {row["table"] for row in told["rows"]}


async def test_what_is_parked_in_redis_is_told_and_that_nobody_can_tell_while_redis_is_away(
    client: httpx.AsyncClient, shelf: Shelf, own_settings: Settings, own_redis: Redis
) -> None:
    await a_sale(shelf, "w10")
    item = shelf.log.add(confirmed("w10", {"SKU-w10": 3}), command_id="again-w10", correlation_id="story-w10")
    await shelf.feed([item])
    headers = to_headers(item.envelope)
    record = LogRecord("orders", item.partition, item.offset, 1, b"w10", item.value, headers)
    field, value = parked_pair(Parked(record, "apply_failed", "no such thing"))
    await own_redis.hset("top_sellers:1:parked", field, value)

    def letters(shown: Json) -> list[tuple[str, str]]:
        events = [event for one in shown["stories"] for event in one["events"]]
        return [(letter["reader"], letter["code"]) for event in events for letter in event["dead_letters"]]

    shown = await explained(client, "w10")
    assert (letters(shown), shown["untold"]) == ([("top_sellers", "apply_failed")], [])
    await own_redis.hdel("top_sellers:1:parked", field)
    assert letters(await explained(client, "w10")) == []
    nowhere = own_settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    without_redis = Sources(nowhere)
    await without_redis.open()
    async with client_of(nowhere, without_redis) as cut:
        assert (await explained(cut, "w10"))["untold"] == ["top_sellers"]
    await without_redis.close()


async def test_to_name_nothing_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/why/")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


async def test_of_what_nothing_is_recorded_nothing_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/why/nobody")
    assert (answer.status_code, answer.json()["code"]) == (404, "nothing_recorded")


@given(st.lists(st.integers(0, 12), min_size=1, max_size=12))
def test_every_event_stands_in_the_tree_once_whatever_it_names_as_its_cause(causes: list[int]) -> None:
    log = Log()
    rows: list[Json] = []
    for number, cause in enumerate(causes):
        item = log.add(stock.StockReceived(sku="A", warehouse_id="MAIN", quantity=1))
        rows.append(
            {
                **item.envelope._asdict(),
                "event_id": f"e{number}",
                "command_id": f"c{number // 2}",
                "causation_id": f"e{cause}",
                "topic": item.topic,
                "partition": 0,
                "record_offset": item.offset,
                "at": item.envelope.time,
                "appended_at": item.envelope.time,
            }
        )
    found: list[str] = []

    def walk(commands: list[Json]) -> None:
        for command in commands:
            for event in command["events"]:
                found.append(event["id"])
                walk(event["then"])

    walk(tree(rows, {}, {}, {}))
    assert sorted(found) == sorted(row["event_id"] for row in rows)
