"""A search in many products: counts are exact up to 10,000 matches and say so, and the first 10,000 are ranked."""

import httpx
import pytest

from tests.projectors.log import added
from tests.query_api.shelf import Shelf

GOODS, BOOKS = 9_900, 100


@pytest.fixture(scope="module")
async def many(shelf: Shelf) -> None:
    """10,000 products with one word in common, of which some are books with a second one."""
    log = shelf.log
    goods = [log.add(added(f"M{number}", "Mass thing", 100 + number), partition=1) for number in range(GOODS)]
    book = {"author": "Somebody"}
    books = [log.add(added(f"B{number}", "Mass novel", 100, book=book), partition=2) for number in range(BOOKS)]
    await shelf.feed([*goods, *books])


async def search(client: httpx.AsyncClient, **parameters: str) -> dict[str, object]:
    answer = await client.get("/v1/products", params={"limit": "1", **parameters})
    assert answer.status_code == 200, answer.text
    page: dict[str, dict[str, dict[str, object]]] = answer.json()
    return {name: page[name] for name in ("total", "total_approximate", "facets_approximate")} | page["facets"]["kind"]


def exact(total: int, **kinds: int) -> dict[str, object]:
    return {"total": total, "total_approximate": False, "facets_approximate": False, **kinds}


@pytest.mark.usefixtures("many")
async def test_counts_are_exact_to_ten_thousand_and_lower_bounds_above(client: httpx.AsyncClient, shelf: Shelf) -> None:
    assert await search(client, search="mass") == exact(10_000, BOOK=BOOKS, GOOD=GOODS)
    assert await search(client, search="mass", kind="BOOK") == exact(BOOKS, BOOK=BOOKS, GOOD=GOODS)
    await shelf.feed([shelf.log.add(added("ONE-MORE", "Mass thing"), partition=1)])
    above = await search(client, search="mass")
    assert (above["total"], above["total_approximate"], above["facets_approximate"]) == (10_000, True, True)
    books = await search(client, search="mass", kind="BOOK")
    assert (books["total"], books["total_approximate"], books["facets_approximate"]) == (BOOKS, False, True)
    goods = await search(client, search="mass", kind="GOOD")
    assert (goods["total"], goods["total_approximate"]) == (GOODS + 1, False)
    assert await search(client, search="novel") == exact(BOOKS, BOOK=BOOKS)


@pytest.mark.usefixtures("many")
async def test_a_list_without_filters_is_counted_exactly_however_long_it_is(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/products")).json()
    assert page["total"] == sum(page["facets"]["kind"].values()) > 10_000
    assert (page["total_approximate"], page["facets_approximate"]) == (False, False)


@pytest.mark.usefixtures("many")
async def test_sorting_is_of_all_that_match(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/products", params={"search": "mass", "sort": "-price", "limit": "1"})).json()
    assert page["items"][0]["price"] == (100 + GOODS - 1) / 100
