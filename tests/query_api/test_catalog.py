"""Products over HTTP: search, filters, facets, pages, one product."""

import httpx
import pytest

SKUS = {"85123A", "71053", "84406B", "22197", "22423", "21731", "22720", "0439023483", "0060883286", "0451524934"}


async def found(client: httpx.AsyncClient, **parameters: object) -> list[str]:
    answer = await client.get("/v1/products", params={key: str(value) for key, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return [item["sku"] for item in answer.json()["items"]]


async def test_all_products_are_listed_but_the_withdrawn_one(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/products")).json()
    assert {item["sku"] for item in page["items"]} == SKUS
    assert page["total"] == len(SKUS)
    assert page["facets"] == {"kind": {"BOOK": 3, "GOOD": 7}, "category": {}, "brand": {}}
    assert page["next_cursor"] is None


async def test_a_product_shows_price_and_stock_of_all_warehouses(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/products/p-85123A")
    product = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert (product["price"], product["currency"]) == (2.55, "GBP")
    assert (product["quantity"], product["on_hand"], product["reserved"], product["on_loan"]) == (52, 55, 3, 0)
    assert product["copies"] is None
    assert product["brand_name"] is None


async def test_a_book_shows_its_copies(client: httpx.AsyncClient) -> None:
    book = (await client.get("/v1/products/p-0439023483")).json()
    assert (book["copies"], book["author"], book["keywords"]) == (4, "Suzanne Collins", ["dystopia"])


async def test_a_product_without_stock_has_none(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/products/p-71053")).json()["quantity"] == 0


async def test_a_withdrawn_product_can_still_be_looked_up(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/products/p-84879")).json()
    assert (shown["withdrawn"], shown["withdrawn_reason"], shown["withdrawn_note"]) == (
        True,
        "RECALLED",
        "Glass bursts",
    )


async def test_an_unknown_product_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/products/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "product_not_found")


async def test_prices_are_told_newest_first(client: httpx.AsyncClient) -> None:
    prices = (await client.get("/v1/products/p-22423/price-history")).json()["items"]
    assert [(price["old_price"], price["new_price"]) for price in prices] == [(12.75, 10.95), (None, 12.75)]
    assert (await client.get("/v1/products/p-22423")).json()["price"] == 10.95


@pytest.mark.parametrize(
    ("words", "skus"),
    [
        ("lantern", ["71053"]),
        ("LANTERNS", ["71053"]),
        ("garcía", ["0060883286"]),
        ("garcia marquez", ["0060883286"]),
        ("anos", ["0060883286"]),
        ("macondo", ["0060883286"]),
        ("popc", ["22197"]),
        ("85123a", ["85123A"]),
        ("0-439-02348-3", ["0439023483"]),
        ("1984", ["0451524934"]),
        ("lantrn", ["71053"]),
        ("colins", ["0439023483"]),
        ("heart -coat", ["85123A"]),
        ("zzzzzz", []),
        ("' & | ! : *", []),
        ("%_\\", []),
    ],
)
async def test_search_finds_words_beginnings_codes_and_typos(
    client: httpx.AsyncClient, words: str, skus: list[str]
) -> None:
    assert await found(client, search=words) == skus


async def test_a_name_counts_more_than_a_keyword(client: httpx.AsyncClient) -> None:
    assert await found(client, search="dystopia OR hunger") == ["0439023483", "0451524934"]


@pytest.mark.parametrize(
    ("filters", "skus"),
    [
        ({"kind": "BOOK"}, {"0439023483", "0060883286", "0451524934"}),
        ({"author": "ORWELL"}, {"0451524934"}),
        ({"min_price": "3.39", "max_price": "4.95"}, {"71053", "22720"}),
        ({"available": "true"}, {"85123A", "0439023483"}),
        ({"kind": "BOOK", "available": "false"}, {"0060883286", "0451524934"}),
        ({"lendable": "true"}, set()),
        ({"lendable": "false", "kind": "BOOK"}, {"0439023483", "0060883286", "0451524934"}),
        ({"category": "c1"}, set()),
        ({"brand": "b1"}, set()),
        ({"supplier": "s1"}, set()),
    ],
)
async def test_filters_narrow_the_list(client: httpx.AsyncClient, filters: dict[str, str], skus: set[str]) -> None:
    assert set(await found(client, **filters)) == skus


async def test_a_facet_counts_without_its_own_filter(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/products", params={"kind": "BOOK", "max_price": "9.01"})).json()
    assert page["facets"]["kind"] == {"BOOK": 2, "GOOD": 6}
    assert page["total"] == 2


@pytest.mark.parametrize("sort", ["name", "price", "-price", "newest"])
async def test_cursors_lead_through_all_products_once_in_order(client: httpx.AsyncClient, sort: str) -> None:
    whole = await found(client, sort=sort, limit=100)
    paged: list[str] = []
    parameters = {"sort": sort, "limit": "3"}
    while True:
        page = (await client.get("/v1/products", params=parameters)).json()
        paged += [item["sku"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert paged == whole
    assert set(whole) == SKUS


@pytest.mark.parametrize("words", ["holder OR lantern OR light OR heart", "holdr"])
async def test_cursors_lead_through_a_search_by_relevance(client: httpx.AsyncClient, words: str) -> None:
    whole = await found(client, search=words)
    paged: list[str] = []
    parameters = {"search": words, "limit": "1"}
    while page := (await client.get("/v1/products", params=parameters)).json():
        paged += [item["sku"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        parameters["cursor"] = page["next_cursor"]
    assert paged == whole
    assert len(whole) > 1


async def test_an_offset_skips(client: httpx.AsyncClient) -> None:
    whole = await found(client, sort="price")
    assert await found(client, sort="price", offset=4, limit=2) == whole[4:6]


async def test_a_cursor_belongs_to_its_query(client: httpx.AsyncClient) -> None:
    cursor = (await client.get("/v1/products?limit=2")).json()["next_cursor"]
    for parameters in ({"cursor": cursor, "kind": "GOOD"}, {"cursor": cursor, "sort": "price"}):
        answer = await client.get("/v1/products", params=parameters)
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "!!!!", "é", "W10", "A" * 2000])
async def test_a_damaged_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    answer = await client.get("/v1/products", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_cursor_and_offset_exclude_each_other(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/products", params={"cursor": "AAAA", "offset": "1"})
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor_with_offset")


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"offset": "-1"},
        {"kind": "CAR"},
        {"sort": "best"},
        {"sort": "relevance"},
        {"min_price": "-1"},
        {"min_price": "1.005"},
        {"min_price": "NaN"},
        {"max_price": "1e400"},
        {"min_price": "5", "max_price": "4"},
        {"available": "perhaps"},
        {"search": ""},
        {"search": "a\x00b"},
        {"search": "a" * 201},
    ],
)
async def test_values_out_of_range_are_refused(client: httpx.AsyncClient, parameters: dict[str, str]) -> None:
    answer = await client.get("/v1/products", params=parameters)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed"), answer.text
    assert answer.json()["errors"][0]["pointer"].startswith("query/")


async def test_unknown_and_repeated_parameters_are_refused(client: httpx.AsyncClient) -> None:
    for query in ("serch=lamp", "kind=BOOK&kind=GOOD"):
        answer = await client.get(f"/v1/products?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_parameter")
