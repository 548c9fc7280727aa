"""A lean route answers everything exactly as the ordinary route of the same endpoint does, byte for byte."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import httpx
import pytest
from fastapi import Depends, Request, Response
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.middleware import Middleware

from command_api.desk import AtDesk, Desk
from command_api.entrance import CommandApp
from command_api.order import NewOrder
from command_api.product import NewProduct
from command_api.request import Asked, CommandRequest
from command_api.stock_item import Receipt, SkuPath
from infra.http.body_type import BodyType
from infra.http.limits import BodyLimit
from infra.http.principal import current_principal
from infra.http.problem_handlers import install
from infra.http.problems import Conflict
from infra.http.strict_query import strict_query
from infra.principal import Principal
from tests.support.passing import Passing
from tests.support.raw_http import exchange, request, served

MOST_BYTES = 40_000
JSON = "Content-Type: application/json"
ORDER: dict[str, Any] = {"items": [{"sku": "A1", "quantity": 3}], "user_id": "alice"}
BYTES = json.dumps(ORDER).encode()


class Elsewhere(Exception):
    """Stands for a command that another instance has to be asked for."""


async def send_on(request: Request, error: Exception) -> Response:
    """Answers with what came, as a handler does that sends the request on."""
    return Response(request.scope["raw_path"] + b" " + await request.body(), 421)


def told(body: NewOrder | NewProduct | Receipt, asked: CommandRequest, path: str = "/v1/orders") -> Response:
    facts = {
        "body": body.model_dump(mode="json"),
        "asked": [str(asked.principal), asked.route, asked.expected_version, asked.must_exist, asked.wait_seconds],
        "tokens": [*asked.tokens],
        "key": asked.command_id if asked.keyed else None,
        "fingerprint": asked.fingerprint(path, body),
    }
    return Response(json.dumps(facts), 201, {"ETag": '"1"', "X-Twice": "a"}, "application/json")


async def order(body: NewOrder, asked: Asked, desk: AtDesk) -> Response:
    match body.user_id:
        case "conflict":
            raise Conflict("Nope.", code="already_shipped", headers={"ETag": '"7"'}, order_id="o")
        case "away":
            raise ConnectionRefusedError("secret")
        case "bug":
            raise RuntimeError("secret")
        case "elsewhere":
            raise Elsewhere
    return told(body, asked)


async def product(body: NewProduct, asked: Asked, desk: AtDesk) -> Response:
    return told(body, asked)


async def receipt(sku: SkuPath, body: Receipt, asked: Asked, desk: AtDesk) -> Response:
    return told(body, asked, sku)


def app_of(*, lean: bool, seen: list[str]) -> CommandApp:
    app = CommandApp(
        max_requests=100,
        max_body_bytes=MOST_BYTES,
        dependencies=[Depends(strict_query)],
        middleware=[Middleware(Passing, seen=seen), Middleware(BodyLimit, max_bytes=MOST_BYTES), Middleware(BodyType)],
    )
    install(app)
    app.add_exception_handler(Elsewhere, send_on)
    routes: dict[str, Callable[..., Awaitable[Response]]] = {
        "/v1/orders": order,
        "/v1/products": product,
        "/v1/stock/{sku}/receipts": receipt,
    }
    for path, endpoint in routes.items():
        app.post(path, status_code=201)(endpoint)
        if lean:
            app.lean("POST", path, endpoint)
    app.state.desk = cast(Desk, object())
    return app


class Pair:
    """The same app with lean routes and without."""

    def __init__(self, lean: int, ordinary: int, seen: list[str]) -> None:
        self.lean, self.ordinary, self.seen = lean, ordinary, seen

    async def ask(self, pieces: bytes | list[bytes]) -> tuple[int, bool, bytes]:
        """The status, whether it took the lean route, and the answer, after a comparison of both."""
        self.seen.clear()
        lean, ordinary = await asyncio.gather(exchange(self.lean, pieces), exchange(self.ordinary, pieces))
        assert lean.text == ordinary.text
        assert b"secret" not in lean.text
        return lean.status, not self.seen, lean.text


@pytest.fixture(scope="module")
async def pair() -> AsyncIterator[Pair]:
    seen: list[str] = []
    async with served(app_of(lean=True, seen=seen)) as lean, served(app_of(lean=False, seen=[])) as ordinary:
        yield Pair(lean, ordinary, seen)


def post(*headers: str, body: bytes = BYTES, target: str = "/v1/orders", **options: Any) -> bytes:
    return request("POST", target, *(headers or (JSON,)), body=body, **options)


def receive(sku: str, *headers: str, body: bytes = b'{"quantity":3}') -> bytes:
    return post(*(headers or (JSON,)), body=body, target=f"/v1/stock/{sku}/receipts")


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


PLAIN = {
    "plain": post(),
    "keyed": post(JSON, "Idempotency-Key: k-1", 'If-Match: "3"', "Prefer: wait=2.5"),
    "any version": post(JSON, "If-Match: *"),
    "none yet": post(JSON, "If-None-Match: *"),
    "what was seen": post(JSON, "Consistency-Token: c:catalog/0@7,c:orders/1@2"),
    "other preferences": post(JSON, "Prefer: respond-async, wait=7"),
    "header names in capitals": post("CONTENT-TYPE: application/json", "IDEMPOTENCY-KEY: K"),
    "with charset": post("Content-Type: application/json; charset=utf-8"),
    "headers that nobody reads": post(JSON, "X-A: 1", "X-A: 2", "Cookie: a=b", "Forwarded: for=9.9.9.9"),
    "percent-encoded path": post(target="/v1/%6Frders"),
    "a question mark without a query": post(target="/v1/orders?"),
    "spaces around": post(body=b" \r\n\t" + BYTES + b"\n "),
    "escapes": post(body=rb'{"items":[{"sku":"A\u0031","quantity":3}],"user_id":"\ud83d\ude00 \u00e9"}'),
    "chunked in one piece": post(JSON, "Transfer-Encoding: chunked", body=chunked(BYTES, 999), length=False),
    "chunked": post(JSON, "Transfer-Encoding: chunked", body=chunked(BYTES, 7), length=False),
    "the last of two equal names": post(body=b'{"user_id":"a","items":[{"sku":"A","quantity":1}],"user_id":"b"}'),
    "a large order": post(body=json.dumps({"items": [{"sku": "A1", "quantity": 1}] * 1_000}).encode()),
    "a name in the path": receive("A1", JSON, "Idempotency-Key: k"),
    "a name in the path, percent-encoded": receive("%411%20B"),
    "a name in the path, a line feed behind it": receive("A1").replace(b"/receipts", b"/receipts%0A"),
    "a refusal": post(body=json.dumps({**ORDER, "user_id": "conflict"}).encode()),
    "a server away": post(body=json.dumps({**ORDER, "user_id": "away"}).encode()),
    "a mistake of ours": post(body=json.dumps({**ORDER, "user_id": "bug"}).encode()),
    "for another instance": post(body=json.dumps({**ORDER, "user_id": "elsewhere"}).encode()),
    "chunked for another instance": post(
        JSON,
        "Transfer-Encoding: chunked",
        body=chunked(json.dumps({**ORDER, "user_id": "elsewhere"}).encode(), 7),
        length=False,
    ),
    "a host that is none": post(body=json.dumps({**ORDER, "user_id": "conflict"}).encode()).replace(
        b"Host: test", b"Host: ["
    ),
}

ODD = {
    "unknown parameter": (400, post(target="/v1/orders?dry=1")),
    "parameter without a value": (400, post(target="/v1/orders?dry")),
    "two keys": (400, post(JSON, "Idempotency-Key: a", "Idempotency-Key: b")),
    "two versions on two lines": (400, post(JSON, 'If-Match: "9"', 'If-Match: "1"')),
    "none yet on two lines": (400, post(JSON, "If-None-Match: *", "If-None-Match: *")),
    "two preferences": (201, post(JSON, "Prefer: wait=1", "Prefer: wait=2")),
    "two content types": (415, post(JSON, "Content-Type: text/plain")),
    "another content type first": (415, post("Content-Type: text/plain", JSON)),
    "no content type": (415, post("X-A: b")),
    "a text": (415, post("Content-Type: text/plain")),
    "a relative of JSON": (201, post("Content-Type: application/merge-patch+json")),
    "compressed": (415, post(JSON, "Content-Encoding: gzip")),
    "not compressed": (201, post(JSON, "Content-Encoding: identity")),
    "a form": (415, post("Content-Type: application/x-www-form-urlencoded", body=b"a=b")),
    "an empty key": (400, post(JSON, "Idempotency-Key: ")),
    "a key of other letters": (400, post(JSON, "Idempotency-Key: \xe9")),
    "a key that is too long": (400, post(JSON, "Idempotency-Key: " + "k" * 201)),
    "a bad version": (400, post(JSON, "If-Match: 3")),
    "two versions at once": (400, post(JSON, 'If-Match: "3"', "If-None-Match: *")),
    "a token that is none": (400, post(JSON, "Consistency-Token: 7")),
    "two headers of tokens": (201, post(JSON, "Consistency-Token: c:catalog/0@7", "Consistency-Token: c:catalog/1@7")),
    "a bad wait": (400, post(JSON, "Prefer: wait=999")),
    "a bad wait and a bad body": (400, post(JSON, "Prefer: wait=999", body=b"{}")),
    "expect": (201, post(JSON, "Expect: 100-continue")),
    "expect and too large": (413, post(JSON, "Expect: 100-continue", body=b" " * (MOST_BYTES + 1))),
    "no body": (422, post(body=b"")),
    "null": (422, post(body=b"null")),
    "a list": (422, post(body=b"[]")),
    "a number": (422, post(body=b"1")),
    "a text in JSON": (422, post(body=b'"{}"')),
    "cut off": (400, post(body=BYTES[:-1])),
    "two documents": (400, post(body=BYTES + BYTES)),
    "a comma too many": (400, post(body=b'{"items":[],}')),
    "single quotes": (400, post(body=b"{'items':[]}")),
    "a raw line feed in a text": (400, post(body=BYTES.replace(b"alice", b"al\nice"))),
    "a raw NUL in a text": (400, post(body=BYTES.replace(b"alice", b"al\0ice"))),
    "an escaped NUL": (422, post(body=BYTES.replace(b"alice", b"al\\u0000ice"))),
    "half a surrogate pair": (422, post(body=BYTES.replace(b"alice", b"\\ud83d"))),
    "an escape that is none": (400, post(body=BYTES.replace(b"alice", b"\\x41"))),
    "other encodings": (201, post(body=BYTES.decode().encode("utf-16"))),
    "a byte order mark": (201, post(body=b"\xef\xbb\xbf" + BYTES)),
    "bytes that are no text": (400, post(body=BYTES.replace(b"alice", b"\xff"))),
    "surrogates in UTF-8": (422, post(body=BYTES.replace(b"alice", b"\xed\xa0\xbd"))),
    "deep": (422, post(body=b'{"items":[],"x":' + b"[" * 500 + b"]" * 500 + b"}")),
    "too deep": (400, post(body=b"[" * 30_000)),
    "not a number": (422, post(body=BYTES.replace(b"3", b"NaN"))),
    "infinite": (422, post(body=BYTES.replace(b"3", b"-Infinity"))),
    "a huge number": (422, post(body=BYTES.replace(b"3", b"1" + b"0" * 400))),
    "a number of 5,000 digits": (400, post(body=BYTES.replace(b"3", b"1" * 5_000))),
    "an exponent": (422, post(body=BYTES.replace(b"3", b"3e0"))),
    "a leading zero": (400, post(body=BYTES.replace(b"3", b"03"))),
    "a quantity in quotes": (422, post(body=BYTES.replace(b"3", b'"3"'))),
    "several faults": (422, post(body=b'{"items":[{"quantity":0,"x":1},{"sku":"a b"}],"user_id":5,"y":{}}')),
    "names with slashes and tildes": (422, post(body=b'{"items":[],"a/b~c":1}')),
    "too large": (413, post(body=b" " * (MOST_BYTES + 1))),
    "too large and in order": (413, post(body=BYTES + b" " * MOST_BYTES)),
    "too large in chunks": (
        413,
        post(JSON, "Transfer-Encoding: chunked", body=chunked(b" " * (MOST_BYTES + 1), 4_000), length=False),
    ),
    "a name in the path that is none": (422, receive("a1")),
    "a name in the path that is too long": (422, receive("A" * 65)),
    "a name in the path with a line feed": (422, receive("A1%0A")),
    "a name in the path with a NUL": (422, receive("A1%00")),
    "a name in the path that is no text": (422, receive("A1%FF")),
    "two names in the path": (404, receive("A1%2FB")),
    "no name in the path": (404, receive("")),
    "a name in the path and a query": (400, receive("A1").replace(b"/receipts", b"/receipts?dry=1")),
    "a name in the path and a fault in the body": (422, receive("a1", body=b'{"quantity":0}')),
    "another method with a name in the path": (405, request("PUT", "/v1/stock/A1/receipts", JSON, body=BYTES)),
    "a trailing slash": (307, post(target="/v1/orders/")),
    "another path": (404, post(target="/v1/ORDERS")),
    "GET": (405, request("GET", "/v1/orders")),
    "HEAD": (405, request("HEAD", "/v1/orders")),
    "OPTIONS": (405, request("OPTIONS", "/v1/orders")),
    "PUT": (405, request("PUT", "/v1/orders", JSON, body=BYTES)),
}

PRODUCTS = {
    201: [
        b'{"name":"A","price":249.99}',
        b'{"name":"A","price":1e2,"quantity":5,"currency":"GBP"}',
        b'{"name":"A","price":0.1,"kind":"BOOK","book":{"author":"B","published_year":"2001","keywords":["k"]}}',
        b'{"name":"A","price":1,"book":{"author":"B","published_year":2001.0,"author":"C"}}',
        b'{"name":"A","price":1.00000000000000000001,"sku":null}',
        b'{"name":"A","price":-0}',
    ],
    422: [
        b'{"name":"A","price":NaN}',
        b'{"name":"A","price":1e400}',
        b'{"name":"A","price":1.005}',
        b'{"name":"A","price":"1"}',
        b'{"name":"A","price":true}',
        b'{"name":"A","price":1' + b"0" * 400 + b"}",
        b'{"name":"A","price":1,"quantity":1.0}',
        b'{"name":"A","price":1,"quantity":18446744073709551616}',
        b'{"name":"A","price":1,"kind":"PIRATE"}',
        b'{"name":"A","price":1,"book":{"author":[]}}',
    ],
}


LONG = (
    b'{"name":"Anna","price":24.5,"quantity":50,"sku":"A1","kind":"BOOK","description":null,'
    b'"book":{"author":"B","keywords":["k","l"],"published_year":2001,"language":"en"}}'
)
SCRAPS = [
    b"",
    b" ",
    b'"',
    b"0",
    b"-",
    b"1e2",
    b".5",
    b"9" * 20,
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\u0000",
    b"\xff",
]
SCRAPS += [b"null", b"true", b"NaN", b'"price":1,', b'"x":{},', b"\\ud800", b"\xc3\xa9", b"\n", b"Infinity"]


@pytest.mark.parametrize("case", PLAIN)
async def test_a_plain_request_takes_the_lean_route_and_is_answered_as_ever(pair: Pair, case: str) -> None:
    status, lean, _ = await pair.ask(PLAIN[case])
    assert status in {201, 409, 421, 500, 503}
    assert lean


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_request_is_left_to_the_ordinary_route(pair: Pair, case: str) -> None:
    wanted, pieces = ODD[case]
    status, lean, text = await pair.ask(pieces)
    assert status == wanted, text
    assert not lean


@pytest.mark.parametrize(("status", "body"), [(status, body) for status in PRODUCTS for body in PRODUCTS[status]])
async def test_products_are_understood_alike(pair: Pair, status: int, body: bytes) -> None:
    assert (await pair.ask(post(body=body, target="/v1/products")))[0] == status


async def test_a_body_that_comes_in_pieces_is_put_together(pair: Pair) -> None:
    whole = post(JSON, "Idempotency-Key: pieces")
    first, second = whole[:-20], whole[-20:]
    assert await pair.ask([first, second]) == (201, True, (await pair.ask(whole))[2])


async def test_requests_on_one_connection_are_answered_in_turn(pair: Pair) -> None:
    kept = post(JSON, "Idempotency-Key: one").replace(b"Connection: close\r\n", b"")
    status, lean, text = await pair.ask(kept + kept + post(body=b"{"))
    assert (status, lean) == (201, False)
    assert re.findall(rb"HTTP/1.1 (\d+)", text) == [b"201", b"201", b"400"]


SEEN: list[str] = []
SCRAMBLED = app_of(lean=True, seen=SEEN), app_of(lean=False, seen=[])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(LONG) - 1), st.sampled_from(SCRAPS)), max_size=3))
async def test_bodies_that_are_scrambled_are_understood_alike(scrambles: list[tuple[int, bytes]]) -> None:
    body = LONG
    for at, scrap in scrambles:
        body = body[:at] + scrap + body[at + len(scrap) :]
    SEEN.clear()
    answers = []
    for app in SCRAMBLED:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
            answers.append(await client.post("/v1/products", content=body, headers=headers))
    lean, ordinary = answers
    assert lean.status_code != 201 or not SEEN
    assert (lean.status_code, lean.headers, lean.content) == (ordinary.status_code, ordinary.headers, ordinary.content)


async def test_without_a_desk_both_say_that_they_are_starting() -> None:
    seen: list[str] = []
    apps = app_of(lean=True, seen=seen), app_of(lean=False, seen=[])
    for app in apps:
        del app.state.desk
    async with served(apps[0]) as lean, served(apps[1]) as ordinary:
        status, _, text = await Pair(lean, ordinary, seen).ask(post())
    assert status == 503
    assert b'"starting"' in text


async def test_a_mistake_of_ours_goes_on_to_the_server_which_logs_it() -> None:
    transport = httpx.ASGITransport(app_of(lean=True, seen=[]), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        with pytest.raises(RuntimeError, match="secret"):
            await client.post("/v1/orders", json={**ORDER, "user_id": "bug"})


async def test_a_principal_that_is_put_in_is_the_one_that_asks() -> None:
    seen: list[str] = []
    app = app_of(lean=True, seen=seen)
    app.dependency_overrides[current_principal] = lambda: Principal("user", "u1")
    async with served(app) as port:
        assert b'"user:u1"' in (await exchange(port, post())).text
