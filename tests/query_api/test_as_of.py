"""The past over HTTP: which versions and which times can be asked for, and what is said of those that never were."""

from datetime import timedelta

import httpx
import pytest

from tests.projectors.log import added, received, reserved
from tests.query_api.past import DAY, LATER, asked, code
from tests.query_api.shelf import Shelf


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
