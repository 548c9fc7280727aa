"""Stock over HTTP: levels and movements of a SKU."""

import httpx
import pytest


async def test_levels_are_told_per_warehouse_and_in_sum(client: httpx.AsyncClient) -> None:
    stock = (await client.get("/v1/stock/85123A")).json()
    assert (stock["on_hand"], stock["reserved"], stock["available"]) == (55, 3, 52)
    assert [(level["warehouse_id"], level["available"]) for level in stock["levels"]] == [("MAIN", 47), ("NORTH", 5)]
    assert stock["rejections"] == 0


async def test_a_product_that_never_had_stock_has_zeros(client: httpx.AsyncClient) -> None:
    stock = (await client.get("/v1/stock/71053")).json()
    assert (stock["available"], stock["levels"]) == (0, [])
    assert (await client.get("/v1/stock/71053/movements")).json() == {"items": [], "next_cursor": None}


@pytest.mark.parametrize("path", ["/v1/stock/NONE", "/v1/stock/NONE/movements"])
async def test_an_unknown_sku_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "sku_not_found")


async def test_movements_are_told_newest_first_with_their_balance(client: httpx.AsyncClient) -> None:
    movements = (await client.get("/v1/stock/85123A/movements")).json()["items"]
    assert [(one["kind"], one["warehouse_id"], one["balance_after"]) for one in movements] == [
        ("RESERVED", "MAIN", 47),
        ("RECEIVED", "NORTH", 5),
        ("RECEIVED", "MAIN", 50),
    ]
    assert movements[0]["ref_id"] == "o-r1"


async def test_cursors_lead_through_all_movements_once(client: httpx.AsyncClient) -> None:
    whole = [one["event_id"] for one in (await client.get("/v1/stock/85123A/movements")).json()["items"]]
    paged, parameters = [], {"limit": "1"}
    while True:
        page = (await client.get("/v1/stock/85123A/movements", params=parameters)).json()
        paged += [one["event_id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert paged == whole


async def test_a_cursor_of_another_sku_is_refused(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/v1/stock/85123A/movements?limit=1")).json()["next_cursor"]
    answer = await client.get("/v1/stock/0439023483/movements", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")
