"""Orders over HTTP: lists, one order, its timeline, the latest lines."""

import httpx
import pytest

from query_api.cursor import write_cursor


async def test_orders_are_listed_latest_first_and_page_by_cursor(client: httpx.AsyncClient) -> None:
    paged, parameters = [], {"limit": "5"}
    while True:
        page = (await client.get("/v1/orders", params=parameters)).json()
        paged += [one["order_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert paged == [*(f"o{number:02}" for number in reversed(range(12))), "old"]


@pytest.mark.parametrize(
    ("status", "orders"), [("PENDING", ["o11"]), ("REJECTED", ["o02"]), ("CANCELLED", ["o05"]), ("EXPIRED", ["old"])]
)
async def test_orders_are_filtered_by_status(client: httpx.AsyncClient, status: str, orders: list[str]) -> None:
    page = (await client.get("/v1/orders", params={"status": status})).json()
    assert [one["order_id"] for one in page["items"]] == orders


async def test_a_user_sees_only_own_orders(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/orders/user/u1")).json()
    assert [one["order_id"] for one in page["items"]] == ["o11", "o09", "o07", "o05", "o03", "o01"]
    assert (await client.get("/v1/orders/user/nobody")).json()["items"] == []


async def test_an_order_shows_lines_totals_and_status(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/orders/o01")
    order = answer.json()
    assert answer.headers["etag"] == '"2"'
    assert (order["status"], order["total"], order["currency"], order["quantity"]) == ("CONFIRMED", 40.0, "GBP", 16)
    assert [(line["sku"], line["quantity"], line["unit_price"], line["line_total"]) for line in order["lines"]] == [
        ("85123A", 11, 2.5, 27.5),
        ("22197", 5, 2.5, 12.5),
    ]


async def test_a_rejected_order_says_why(client: httpx.AsyncClient) -> None:
    order = (await client.get("/v1/orders/o02")).json()
    assert (order["status"], order["reason"], order["user_id"]) == ("REJECTED", "OUT_OF_STOCK", "u0")


async def test_an_order_whose_deadline_passed_says_when(client: httpx.AsyncClient) -> None:
    order = (await client.get("/v1/orders/old")).json()
    assert (order["status"], order["placed_at"], order["settled_at"], order["reason"]) == (
        "EXPIRED",
        "2011-03-01T08:00:00Z",
        "2011-03-01T08:15:00Z",
        None,
    )
    timeline = (await client.get("/v1/orders/old/timeline")).json()
    assert [step["type"] for step in timeline["items"]] == ["order.placed", "order.expired"]


async def test_the_timeline_tells_the_story_in_order(client: httpx.AsyncClient) -> None:
    timeline = (await client.get("/v1/orders/o05/timeline")).json()
    assert [(step["sequence"], step["type"]) for step in timeline["items"]] == [
        (1, "order.placed"),
        (2, "order.confirmed"),
        (3, "order.cancelled"),
    ]
    assert timeline["items"][2]["data"]["reason"] == "CHANGED_MIND"


@pytest.mark.parametrize("path", ["/v1/orders/nothing", "/v1/orders/nothing/timeline"])
async def test_an_unknown_order_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")


async def test_the_latest_lines_are_flat_rows(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/v1/orders/latest?limit=3")).json()["items"]
    assert [(row["order_id"], row["product_id"]) for row in rows] == [
        ("o11", "p-85123A"),
        ("o11", "p-22197"),
        ("o10", "p-71053"),
    ]
    fields = "order_id user_id quantity total_price product_id product_name brand_name category_name supplier_name"
    assert {*fields.split(), "user_name", "user_email"} <= set(rows[0])
    assert (rows[0]["quantity"], rows[0]["total_price"], rows[0]["brand_name"]) == (21, 52.5, None)


async def test_an_unknown_status_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/orders?status=LOST")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize(
    "time",
    [
        "2011-12-01T10:00:00",
        "2011-12-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "then",
        17,
        None,
    ],
)
async def test_a_forged_cursor_whose_time_is_none_is_refused(client: httpx.AsyncClient, time: object) -> None:
    cursor = write_cursor(("orders",), (time, "o05"))
    answer = await client.get("/v1/orders", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize("order_id", [17, None, "o\x00", ["o05"]])
async def test_a_forged_cursor_whose_order_is_none_is_refused(client: httpx.AsyncClient, order_id: object) -> None:
    cursor = write_cursor(("orders",), ("2011-12-01T10:00:00+00:00", order_id))
    answer = await client.get("/v1/orders", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_a_cursor_of_another_list_is_refused(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/v1/orders?limit=1")).json()["next_cursor"]
    answer = await client.get("/v1/orders/user/u1", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")
