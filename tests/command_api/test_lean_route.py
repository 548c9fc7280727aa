"""A lean route answers everything exactly as the ordinary route of the same endpoint does, byte for byte."""

import json
import re

import httpx
import pytest

from infra.http.principal import current_principal
from infra.principal import Principal
from tests.command_api.lean_pair import BYTES, JSON, ORDER, Pair, app_of, chunked, post, receive
from tests.support.raw_http import exchange, served

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


@pytest.mark.parametrize("case", PLAIN)
async def test_a_plain_request_takes_the_lean_route_and_is_answered_as_ever(pair: Pair, case: str) -> None:
    status, lean, _ = await pair.ask(PLAIN[case])
    assert status in {201, 409, 421, 500, 503}
    assert lean


async def test_a_body_that_comes_in_pieces_is_put_together(pair: Pair) -> None:
    whole = post(JSON, "Idempotency-Key: pieces")
    first, second = whole[:-20], whole[-20:]
    assert await pair.ask([first, second]) == (201, True, (await pair.ask(whole))[2])


async def test_requests_on_one_connection_are_answered_in_turn(pair: Pair) -> None:
    kept = post(JSON, "Idempotency-Key: one").replace(b"Connection: close\r\n", b"")
    status, lean, text = await pair.ask(kept + kept + post(body=b"{"))
    assert (status, lean) == (201, False)
    assert re.findall(rb"HTTP/1.1 (\d+)", text) == [b"201", b"201", b"400"]


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
