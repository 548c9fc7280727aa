"""The events themselves over HTTP: filters, and pages that miss nothing while more is appended."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from query_api.cursor import write_cursor
from tests.projectors.log import NOON, placed, received
from tests.query_api.shelf import Shelf


async def pages(client: httpx.AsyncClient, **parameters: Any) -> list[dict[str, Any]]:
    """All items, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = await client.get("/v1/events", params=parameters)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        if not page["items"]:
            return found
        found += page["items"]
        parameters["after"] = page["next_after"]


def places(items: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(one["topic"], one["partition"], one["offset"]) for one in items]


@pytest.mark.parametrize("limit", [1, 7, 100])
async def test_every_event_comes_once_and_each_partition_in_the_order_of_the_log(
    client: httpx.AsyncClient, limit: int
) -> None:
    items = await pages(client, limit=limit)
    assert {one["topic"] for one in items} == {"catalog", "stock", "orders"}
    for topic, partition in {place[:2] for place in places(items)}:
        offsets = [offset for *where, offset in places(items) if where == [topic, partition]]
        assert offsets == list(range(len(offsets)))


async def test_events_of_one_aggregate_tell_who_when_why_and_what(client: httpx.AsyncClient) -> None:
    first, second, third = await pages(client, subject="o05")
    assert [one["type"] for one in (first, second, third)] == [
        "order.placed.v1",
        "order.confirmed.v1",
        "order.cancelled.v1",
    ]
    assert [one["version"] for one in (first, second, third)] == [1, 2, 3]
    assert (third["actor"], third["data"]["reason"], third["subject"]) == ("user:u1", "CHANGED_MIND", "o05")
    assert {"id", "correlation_id", "causation_id", "command_id", "at", "appended_at"} <= third.keys()


@pytest.mark.parametrize(
    ("prefix", "types"),
    [
        ("order.re", {"order.rejected.v1"}),
        ("product.withdrawn", {"product.withdrawn.v2"}),
        ("stock.", {"stock.received.v1", "stock.reserved.v1"}),
        ("record.", set()),
    ],
)
async def test_a_type_is_the_beginning_of_a_type(client: httpx.AsyncClient, prefix: str, types: set[str]) -> None:
    assert {one["type"] for one in await pages(client, type=prefix, limit=3)} == types


async def test_filters_are_taken_together(client: httpx.AsyncClient) -> None:
    items = await pages(client, subject="85123A", type="stock.reserved", correlation="c")
    assert [(one["data"]["reservation_id"], one["data"]["quantity"]) for one in items] == [("r1", 3)]
    assert await pages(client, subject="85123A", correlation="another") == []


async def test_who_goes_on_after_a_page_sees_what_was_appended_since_even_if_it_claims_to_be_older(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    known = len(await pages(client))
    after = (await client.get("/v1/events", params={"limit": 100})).json()["next_after"]
    long_ago = NOON - timedelta(days=4_000)
    await shelf.feed([shelf.log.add(received("late", 1), partition=2, at=long_ago, correlation_id="late")])
    found = await pages(client, limit=1, after=after)
    assert "late" in {one["correlation_id"] for one in found}
    assert len(found) == known - 100 + 1 if known > 100 else 1
    (late,) = await pages(client, correlation="late")
    assert late["appended_at"].startswith("2000-")
    newest = await pages(client, limit=5)
    assert len(places(newest)) == len(set(places(newest))) == known + 1


async def test_a_partition_keeps_its_order_though_its_append_times_go_back(
    client: httpx.AsyncClient, shelf: Shelf
) -> None:
    times = [NOON + timedelta(days=400), NOON - timedelta(days=400), NOON]
    events = [placed(f"back{number}", {"71053": 1}) for number in range(3)]
    await shelf.feed(
        [shelf.log.add(event, at=at, correlation_id="back") for event, at in zip(events, times, strict=True)]
    )
    for limit in (1, 2, 50):
        items = await pages(client, correlation="back", limit=limit)
        assert [one["subject"] for one in items] == ["back0", "back1", "back2"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", "order.plcaed"),
        ("type", "nothing"),
        ("type", "order.placed.v9"),
        ("type", ""),
        ("subject", ""),
        ("correlation", ""),
        ("after", ""),
        ("limit", ""),
        ("limit", "0"),
        ("limit", "101"),
    ],
)
async def test_a_filter_that_nothing_can_fit_is_refused_and_named(
    client: httpx.AsyncClient, name: str, value: str
) -> None:
    answer = await client.get("/v1/events", params={name: value})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [one["pointer"] for one in answer.json()["errors"]] == [f"query/{name}"]
    assert answer.json()["detail"]


@pytest.mark.parametrize("after", ["nonsense", "AAAA"])
async def test_a_damaged_cursor_is_refused(client: httpx.AsyncClient, after: str) -> None:
    answer = await client.get("/v1/events", params={"after": after})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize(
    "place",
    [
        "[]",
        "17",
        '{"orders":17}',
        '{"orders":{"0":null}}',
        '{"orders":{"0":1e30}}',
        '{"orders":{"0":-1}}',
        '{"orders":{"9999999999":1}}',
        r'{"\u0000":{"0":1}}',
        '{"nowhere":{"0":1}}',
    ],
)
async def test_a_cursor_that_names_no_place_is_refused(client: httpx.AsyncClient, place: str) -> None:
    after = write_cursor(("events", None, None, None), (place,))
    answer = await client.get("/v1/events", params={"after": after})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_a_cursor_of_other_filters_is_refused(client: httpx.AsyncClient) -> None:
    after = (await client.get("/v1/events", params={"subject": "o05"})).json()["next_after"]
    answer = await client.get("/v1/events", params={"subject": "o06", "after": after})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")
