"""A product in JSON, in order or not, means the same on a lean route as on the ordinary one."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command_api.lean_pair import Pair, app_of, post

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


@pytest.mark.parametrize(("status", "body"), [(status, body) for status in PRODUCTS for body in PRODUCTS[status]])
async def test_products_are_understood_alike(pair: Pair, status: int, body: bytes) -> None:
    assert (await pair.ask(post(body=body, target="/v1/products")))[0] == status


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
