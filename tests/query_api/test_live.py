"""Live windows and recommendations over HTTP, from what the streams have published."""

import time
from datetime import UTC, datetime

import httpx
import pytest
from redis.asyncio import Redis

from projectors.streams.changes import Changes
from projectors.streams.publish import Publisher
from projectors.streams.shard import Shard, Trade
from projectors.streams.windows import HOUR, MINUTE, WINDOWS
from query_api import live
from query_api.sources import Sources
from tests.query_api.shelf import Shelf

NOW = int(time.time())
HEART, POPCORN, OLD = "p-85123A", "p-22197", "p-71053"


@pytest.fixture(scope="module")
async def published(shelf: Shelf, own_redis: Redis) -> None:
    """Sales of two partitions, of which the second was published a minute before."""
    first, second = Shard(), Shard()
    first.apply(
        [
            Trade(0, NOW - 60, 1, {HEART: 3, POPCORN: 2}),
            Trade(1, NOW - 60, 1, {HEART: 1}),
            Trade(2, NOW - 3 * 24 * HOUR, 1, {OLD: 50, POPCORN: 1}),
        ],
        NOW,
    )
    second.apply(
        [Trade(0, NOW - 5 * HOUR, 1, {HEART: 4, "p-UNLISTED": 20}), Trade(1, NOW - 120, 1, {HEART: 1, POPCORN: 4})], NOW
    )
    changes = {0: Changes(), 1: Changes()}
    await Publisher(own_redis, "streams").publish({1: second}, changes, {}, NOW - 60)
    await Publisher(own_redis, "streams").publish({0: first}, changes, {}, NOW)


async def top(client: httpx.AsyncClient, window: str) -> list[tuple[str, int]]:
    answer = await client.get("/v1/top-sellers", params={"window": window})
    assert answer.status_code == 200, answer.text
    return [(item["sku"] or item["product_id"], item["total_quantity_sold"]) for item in answer.json()["items"]]


async def test_before_anything_is_published_a_live_query_says_so(client: httpx.AsyncClient, shelf: Shelf) -> None:
    for path in ("/v1/top-sellers?window=1h", f"/v1/products/{HEART}/recommendations"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "projection_missing")


def test_the_live_windows_are_those_that_the_streams_publish() -> None:
    assert list(live.WINDOWS.values()) == [window.name for window in WINDOWS]


@pytest.mark.usefixtures("published")
async def test_live_windows_sum_over_the_partitions(client: httpx.AsyncClient) -> None:
    assert await top(client, "1h") == [("22197", 6), ("85123A", 5)]
    assert await top(client, "24h") == [("p-UNLISTED", 20), ("85123A", 9), ("22197", 6)]
    longer = [("71053", 50), ("p-UNLISTED", 20), ("85123A", 9), ("22197", 7)]
    assert await top(client, "now-7d") == await top(client, "now-30d") == longer


@pytest.mark.usefixtures("published")
async def test_a_live_window_tells_since_when_it_counts_and_how_old_it_is(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/top-sellers?window=1h&limit=1")).json()
    assert (answer["window"], answer["first_day"], answer["last_day"]) == ("1h", None, None)
    assert [item["name"] for item in answer["items"]] == ["Small Popcorn Holder"]
    assert datetime.fromisoformat(answer["as_of"]) == datetime.fromtimestamp(NOW - 60, UTC)
    since = datetime.fromisoformat(answer["since"]).timestamp()
    assert since == (NOW - 60) // MINUTE * MINUTE - HOUR


@pytest.mark.usefixtures("published")
async def test_what_is_bought_together_comes_with_names_and_orders(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/v1/products/{HEART}/recommendations")
    assert answer.status_code == 200, answer.text
    assert [(item["sku"], item["orders"]) for item in answer.json()["items"]] == [("22197", 2), (None, 1)]
    assert answer.json()["product_id"] == HEART
    limited = (await client.get(f"/v1/products/{HEART}/recommendations?limit=1")).json()
    assert [item["product_id"] for item in limited["items"]] == [POPCORN]


@pytest.mark.usefixtures("published")
async def test_a_product_that_nobody_knows_has_no_recommendations(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/products/p-NOTHING/recommendations")
    assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


@pytest.mark.usefixtures("published")
async def test_the_streams_stand_among_the_projections_with_their_lag(
    client: httpx.AsyncClient, sources: Sources
) -> None:
    items = {item["name"]: item for item in (await client.get("/v1/projections")).json()["items"]}
    ends = await sources.log.ends()
    assert (items["streams"]["topic"], items["streams"]["error"]) == ("orders", None)
    assert [(one["partition"], one["lag_events"]) for one in items["streams"]["partitions"]] == [
        (number, ends["orders", number]) for number in (0, 1)
    ]
