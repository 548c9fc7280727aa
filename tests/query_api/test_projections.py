"""`/v1/projections`, `/health` and `/ready`: where the read models stand, and what is told when a server is away."""

from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from event_schemas import order
from event_schemas.record import Recorded
from infra.settings import Settings
from projectors.read_models.registry import PROJECTIONS
from query_api.feeds import FEEDS, Feed
from query_api.sources import Sources
from tests.projectors.log import placed
from tests.query_api.shelf import PARTITIONS, Shelf
from tests.support.prometheus import parsed


def test_feeds_are_the_projections() -> None:
    assert list(FEEDS.values()) == [Feed(one.name, one.topic, one.store) for one in PROJECTIONS]


async def test_every_projection_tells_positions_and_lag(client: httpx.AsyncClient, sources: Sources) -> None:
    items = {item["name"]: item for item in (await client.get("/v1/projections")).json()["items"]}
    ends = await sources.log.ends()
    assert list(items) == [*(one.name for one in PROJECTIONS), "streams"]
    assert items.pop("streams")["error"].startswith("projection_missing")
    versions = {one.name: one.version for one in PROJECTIONS}
    for item in items.values():
        told = (item["version"], item["generation"], item["parked"], item["error"])
        assert told == (versions[item["name"]], 1, 0, None)
        assert [one["partition"] for one in item["partitions"]] == list(PARTITIONS)
        for one in item["partitions"]:
            end = ends[item["topic"], one["partition"]]
            assert one["lag_events"] == max(0, end - one["next_offset"])
            assert (one["lag_seconds"] > 0) == (one["lag_events"] > 0)
        assert item["lag_events"] == sum(one["lag_events"] for one in item["partitions"])


async def test_what_serves_another_version_than_the_code_is_out_of_date_and_what_is_kept_is_told(
    client: httpx.AsyncClient, own_settings: Settings
) -> None:
    async def told() -> tuple[object, ...]:
        [stock] = [one for one in (await client.get("/v1/projections")).json()["items"] if one["name"] == "stock"]
        shown = "version", "wanted_version", "out_of_date", "kept_generation", "kept_version"
        return tuple(stock[name] for name in shown)

    assert await told() == (1, 1, False, None, None)
    connection = await asyncpg.connect(own_settings.dsn)
    try:
        change = "UPDATE stockroom.projections SET kept_generation = 7, kept_version = 2, wanted_version"
        await connection.execute(f"{change} = 2 WHERE name = 'stock'")
        assert await told() == (1, 2, True, 7, 2)
        await connection.execute("ALTER TABLE stockroom.projections RENAME wanted_version TO later")
        assert await told() == (1, None, False, 7, 2)
        await connection.execute("ALTER TABLE stockroom.projections RENAME later TO wanted_version")
    finally:
        await connection.close()


async def test_void_records_are_shown_per_partition_and_in_total(client: httpx.AsyncClient, shelf: Shelf) -> None:
    async def void() -> dict[str, tuple[int, list[int]]]:
        items = (await client.get("/v1/projections")).json()["items"]
        return {
            item["name"]: (item["void"], [one["void"] for one in item["partitions"]])
            for item in items
            if item["name"] != "streams"
        }

    assert set(map(str, (await void()).values())) == {"(0, [0, 0, 0])"}
    await shelf.feed([shelf.log.add(placed("one", {"A": 1}), partition=1)], void=2)
    await shelf.feed([shelf.log.add(placed("two", {"A": 1}), partition=2)], void=1)
    assert await void() == {
        **dict.fromkeys(
            ("catalog", "stock", "audit_catalog", "audit_stock", "audit_operations", "voided"), (0, [0, 0, 0])
        ),
        **dict.fromkeys(("order_history", "sales", "top_sellers", "audit_orders"), (3, [0, 2, 1])),
    }


async def test_metrics_tell_the_same_as_the_list_of_projections(client: httpx.AsyncClient) -> None:
    items = (await client.get("/v1/projections")).json()["items"]
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = parsed(answer.text)
    for name, key in (("lag_events", "lag_events"), ("void_total", "void")):
        wanted = {(item["name"], str(one["partition"])): one[key] for item in items for one in item["partitions"]}
        assert found[f"stockroom_projection_{name}"] == wanted
    ages = found["stockroom_projection_lag_seconds"]
    behind = {place for place, count in found["stockroom_projection_lag_events"].items() if count}
    assert behind == {place for place, age in ages.items() if age}
    parked = {(item["name"],): item["parked_records"] for item in items if item["name"] != "streams"}
    assert found["stockroom_projection_parked_records"] == parked


async def test_parked_records_are_counted_and_the_oldest_tells_how_long_they_wait(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    def poison(number: int, age: int) -> Recorded:
        """One that no read model of orders can apply: its order was never placed, and its text has a NUL."""
        at = datetime.now(UTC) - timedelta(seconds=age)
        flagged = order.OrderFlagged(order_id=f"never-{number}", reason="A\0B", sku=None)
        return shelf.log.add(flagged, partition=number, at=at)._replace(appended_ms=round(at.timestamp() * 1000))

    await shelf.feed([poison(0, 90), poison(1, 900), poison(1, 60)], poison=True)
    items = {item["name"]: item for item in (await client.get("/v1/projections")).json()["items"]}
    history = items["order_history"]
    assert history["parked"] == history["parked_records"] == 3
    assert 900 <= history["oldest_parked_seconds"] < 960
    assert (items["catalog"]["parked_records"], items["catalog"]["oldest_parked_seconds"]) == (0, 0)


async def test_the_age_of_an_unread_record_is_taken_from_the_log(settings: Settings, sources: Sources) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    try:
        first = await producer.send_and_wait("orders", b"{}", partition=0)
        second = await producer.send_and_wait("orders", b"{}", partition=0)
    finally:
        await producer.stop()
    places = [("orders", 0, first.offset), ("orders", 0, second.offset), ("orders", 0, second.offset + 10**9)]
    assert await sources.log.appended_ms(places[:2]) == {
        places[0]: first.timestamp,
        places[1]: second.timestamp,
    }
    assert places[2] not in await sources.log.appended_ms(places[1:])


async def test_ready_when_everything_answers(client: httpx.AsyncClient, shelf: Shelf) -> None:
    assert (await client.get("/health")).json() == {"status": "ok"}
    answer = await client.get("/ready")
    assert answer.status_code == 200
    assert set(answer.json()["checks"].values()) == {"ok"}
