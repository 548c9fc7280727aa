"""A lean route answers everything exactly as the ordinary route of the same endpoint does, byte for byte."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from event_schemas import catalog, order
from infra.settings import Settings
from query_api.app import create_app
from query_api.order_answers import OrderWithLines
from query_api.sources import Sources
from query_api.stock import Stock
from query_api.top_sellers import TopSellers
from tests.projectors.log import NOON
from tests.query_api.conftest import client_of
from tests.query_api.shelf import Shelf
from tests.support.passing import Passing
from tests.support.poll import until
from tests.support.raw_http import exchange, request, served


class Pair:
    """The same app with lean routes and without."""

    def __init__(self, lean: int, ordinary: int, seen: list[str]) -> None:
        self._lean, self._ordinary, self._seen = lean, ordinary, seen

    async def ask(self, asked: bytes) -> tuple[int, bool, bytes]:
        """The status, whether it took the lean route, and the body, after a comparison of both answers."""
        self._seen.clear()
        lean, ordinary = await asyncio.gather(exchange(self._lean, asked), exchange(self._ordinary, asked))
        assert lean.text == ordinary.text
        return lean.status, not self._seen, lean.text.partition(b"\r\n\r\n")[2]


@pytest.fixture(scope="module")
async def pair(own_settings: Settings, sources: Sources) -> AsyncIterator[Pair]:
    seen: list[str] = []
    both, ordinary = create_app(own_settings, sources), create_app(own_settings, sources)
    both.add_middleware(Passing, seen=seen)
    ordinary.dependency_overrides[Pair] = Pair  # any switches lean routes off
    async with served(both) as lean_port, served(ordinary) as ordinary_port:
        yield Pair(lean_port, ordinary_port, seen)


def get(target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    return request(method, target, *headers, body=body, length=bool(body))


PLAIN = {
    "an order": (200, get("/v1/orders/o01")),
    "an order with a flag": (200, get("/v1/orders/o05")),
    "an expired order": (200, get("/v1/orders/old")),
    "no such order": (404, get("/v1/orders/nothing")),
    "a token that is empty": (400, get("/v1/orders/o01", "Consistency-Token:")),
    "bytes that are no UTF-8": (404, get("/v1/orders/%FF")),
    "a percent-encoded id": (404, get("/v1/orders/%C3%A9%20x")),
    "an id that is a path elsewhere": (404, get("/v1/orders/user")),
    "a question mark without a query": (200, get("/v1/orders/o01?")),
    "headers that nobody reads": (200, get("/v1/orders/o01", "X-A: 1", "X-A: 2", "Cookie: a=b")),
    "a time to wait": (200, get("/v1/orders/o01", "Prefer: wait=2.5")),
    "a bad time to wait": (400, get("/v1/orders/o01", "Prefer: wait=999")),
    "a token that is none": (400, get("/v1/orders/o01", "Consistency-Token: 7")),
    "another cluster's token": (400, get("/v1/orders/o01", "Consistency-Token: c:orders/0@7")),
    "stock": (200, get("/v1/stock/22197")),
    "stock of a SKU that nobody has": (404, get("/v1/stock/nothing")),
    "stock with a token that is none": (400, get("/v1/stock/22197", "Consistency-Token: 7")),
    "top sellers": (200, get("/v1/top-sellers")),
    "some top sellers": (200, get("/v1/top-sellers?limit=2")),
    "top sellers of all time": (200, get("/v1/top-sellers?window=all&limit=100")),
    "top sellers of some days": (200, get("/v1/top-sellers?limit=1&window=30d")),
    "top sellers with a token that is none": (400, get("/v1/top-sellers", "Consistency-Token: 7")),
}
ODD = {
    "an order as it was": (200, get("/v1/orders/o01?as_of=1")),
    "stock as it was": (200, get("/v1/stock/22197?as_of=2030-01-01T00:00:00Z")),
    "stock of no SKU": (404, get("/v1/stock/")),
    "movements": (200, get("/v1/stock/22197/movements")),
    "a NUL in a SKU": (422, get("/v1/stock/a%00b")),
    "unknown parameter": (400, get("/v1/orders/o01?x=1")),
    "parameter without a value": (400, get("/v1/orders/o01?x")),
    "a NUL": (422, get("/v1/orders/a%00b")),
    "no id": (404, get("/v1/orders/")),
    "a slash behind it": (404, get("/v1/orders/o01/")),
    "an encoded slash": (404, get("/v1/orders/o01%2Fx")),
    "the timeline": (200, get("/v1/orders/o01/timeline")),
    "the latest lines": (200, get("/v1/orders/latest")),
    "the latest lines, with a line feed": (200, get("/v1/orders/latest%0A")),
    "an id with a line feed": (404, get("/v1/orders/o01%0A")),
    "two preferences": (200, get("/v1/orders/o01", "Prefer: wait=1", "Prefer: wait=2")),
    "two headers of tokens": (400, get("/v1/orders/o01", "Consistency-Token: 7", "Consistency-Token: 8")),
    "expect": (200, get("/v1/orders/o01", "Expect: 100-continue")),
    "a body": (200, get("/v1/orders/o01", body=b"{}")),
    "a body that is too large": (413, get("/v1/orders/o01", "Content-Length: 99999999")),
    "HEAD": (200, get("/v1/orders/o01", method="HEAD")),
    "DELETE": (405, get("/v1/orders/o01", method="DELETE")),
    "one day": (200, get("/v1/top-sellers?day=2011-03-01")),
    "a window and a day": (422, get("/v1/top-sellers?window=7d&day=2011-03-01")),
    "limit 0": (422, get("/v1/top-sellers?limit=0")),
    "limit 101": (422, get("/v1/top-sellers?limit=101")),
    "limit 01": (200, get("/v1/top-sellers?limit=01")),
    "other digits": (422, get("/v1/top-sellers?window=%D9%A7d")),
    "two limits": (400, get("/v1/top-sellers?limit=1&limit=2")),
    "a line feed": (422, get("/v1/top-sellers?window=7d%0A")),
    "a window that is none": (422, get("/v1/top-sellers?window=0d")),
    "an unknown parameter": (400, get("/v1/top-sellers?limt=1")),
    "a slash behind top sellers": (404, get("/v1/top-sellers/")),
}


@pytest.fixture(scope="module")
async def told(shelf: Shelf) -> None:
    """An order that a person must look at."""
    await shelf.feed([shelf.log.add(order.OrderFlagged(order_id="o05", reason="SHORT", sku="22197"), partition=2)])


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("case", PLAIN)
async def test_a_plain_request_takes_the_lean_route_and_is_answered_as_ever(pair: Pair, case: str) -> None:
    wanted, asked = PLAIN[case]
    status, lean, body = await pair.ask(asked)
    assert (status, lean) == (wanted, True), body


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_request_is_left_to_the_ordinary_route(pair: Pair, case: str) -> None:
    wanted, asked = ODD[case]
    status, lean, body = await pair.ask(asked)
    assert (status, lean) == (wanted, False), body


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("/v1/orders/o01", OrderWithLines),
        ("/v1/orders/o05", OrderWithLines),
        ("/v1/orders/old", OrderWithLines),
        ("/v1/stock/22197", Stock),
        ("/v1/stock/22197?as_of=2030-01-01T00:00:00Z", Stock),
        ("/v1/top-sellers", TopSellers),
        ("/v1/top-sellers?day=2011-03-01", TopSellers),
    ],
)
async def test_what_passes_no_model_is_what_the_model_would_have_written(
    pair: Pair, path: str, model: type[OrderWithLines] | type[Stock] | type[TopSellers]
) -> None:
    status, _, body = await pair.ask(get(path))
    assert status == 200
    assert model.model_validate_json(body).model_dump_json().encode() == body


async def test_a_new_name_is_shown_at_once_to_who_brings_a_token_and_within_a_second_to_all(
    own_settings: Settings, sources: Sources, shelf: Shelf
) -> None:
    async with client_of(own_settings, sources) as client:

        async def name(**headers: str) -> str:
            answer = await client.get("/v1/top-sellers?limit=1", headers=headers)
            return str(answer.json()["items"][0]["name"])

        assert await name() == "White Hanging Heart T-Light Holder"
        renamed = catalog.ProductDescribed(product_id="p-85123A", name="Red Heart")
        await shelf.feed([shelf.log.add(renamed, partition=1, at=NOON)])
        assert await name(**{"Consistency-Token": f"{sources.log.cluster}:catalog/1@0"}) == "Red Heart"
        back = catalog.ProductDescribed(product_id="p-85123A", name="White Heart")
        await shelf.feed([shelf.log.add(back, partition=1, at=NOON)])
        assert await until(name, lambda shown: shown == "White Heart", 3)


async def test_a_switch_of_generations_is_seen_by_the_next_query(
    own_settings: Settings, sources: Sources, own_redis: Redis
) -> None:
    async with client_of(own_settings, sources) as client:
        before = (await client.get("/v1/top-sellers")).json()["items"]
        await own_redis.zadd("top_sellers:7:top:sale:all", {"p-22197": 5})
        await own_redis.set("active:top_sellers", 7)
        (only,) = (await client.get("/v1/top-sellers")).json()["items"]
        assert (only["product_id"], only["total_quantity_sold"]) == ("p-22197", 5)
        await own_redis.set("active:top_sellers", 1)
        assert (await client.get("/v1/top-sellers")).json()["items"] == before
