"""Top sellers over HTTP: all time, one day, a range of days, a window up to today."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.projectors.log import confirmed
from tests.query_api.shelf import Shelf


async def top(client: httpx.AsyncClient, **parameters: str) -> list[tuple[str, int]]:
    answer = await client.get("/v1/top-sellers", params=parameters)
    assert answer.status_code == 200, answer.text
    return [(item["sku"] or item["product_id"], item["total_quantity_sold"]) for item in answer.json()["items"]]


async def test_a_range_of_days_sums_what_was_confirmed_and_not_cancelled(client: httpx.AsyncClient) -> None:
    days = {"from": "2011-03-01", "to": "2011-03-06"}
    assert await top(client, **days) == [("85123A", 11 + 13 + 17 + 19), ("22197", 20), ("71053", 5)]


async def test_one_day_counts_alone(client: httpx.AsyncClient) -> None:
    assert await top(client, day="2011-03-01") == [("85123A", 11), ("22197", 5), ("71053", 1)]
    assert await top(client, day="2011-03-01", limit="1") == [("85123A", 11)]
    assert await top(client, day="1999-01-01") == []


async def test_items_carry_rank_and_name(client: httpx.AsyncClient) -> None:
    item = (await client.get("/v1/top-sellers?day=2011-03-01&limit=1")).json()["items"][0]
    assert (item["rank"], item["product_id"], item["name"]) == (1, "p-85123A", "White Hanging Heart T-Light Holder")


async def test_a_window_ends_today_and_all_time_has_no_days(client: httpx.AsyncClient, shelf: Shelf) -> None:
    now = datetime.now(UTC)
    older = now - timedelta(days=8)
    await shelf.feed(
        [
            shelf.log.add(confirmed("now", {"UNLISTED": 7}, at=now)),
            shelf.log.add(confirmed("older", {"OLD": 9}, at=older)),
        ]
    )
    assert await top(client, window="7d") == [("p-UNLISTED", 7)]
    assert await top(client, window="30d") == [("p-OLD", 9), ("p-UNLISTED", 7)]
    whole = (await client.get("/v1/top-sellers")).json()
    assert (whole["window"], whole["first_day"]) == ("all", None)
    assert whole["items"][0]["sku"] == "85123A"


@pytest.mark.parametrize(
    "parameters",
    [
        {"window": "2h"},
        {"window": "now-8d"},
        {"window": "1h", "day": "2011-03-01"},
        {"window": "0d"},
        {"window": "all", "day": "2011-03-01"},
        {"from": "2011-03-01"},
        {"to": "2011-03-01"},
        {"from": "2011-03-02", "to": "2011-03-01"},
        {"from": "1900-01-01", "to": "2011-03-01"},
        {"day": "yesterday"},
        {"day": "2011-02-30"},
        {"limit": "0"},
    ],
)
async def test_days_that_make_no_sense_are_refused(client: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    answer = await client.get("/v1/top-sellers", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize("day", ["20101205", "1291507200", "2010-12-05T00:00:00", "2010-W48-7", " 2010-12-05", ""])
@pytest.mark.parametrize("path", ["/v1/top-sellers?day=", "/v1/top-sellers?to=2011-01-01&from=", "/v1/sales/daily?to="])
async def test_a_day_is_written_in_one_way_only(client: httpx.AsyncClient, path: str, day: str) -> None:
    answer = await client.get(path + day)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["detail"] for error in answer.json()["errors"]] == ["A day is written YYYY-MM-DD, as 2010-12-05."]
