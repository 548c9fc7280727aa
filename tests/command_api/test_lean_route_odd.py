"""What is not quite plain is left to the ordinary route, which answers it."""

import pytest

from tests.command_api.lean_pair import BYTES, JSON, MOST_BYTES, Pair, chunked, post, receive
from tests.support.raw_http import request

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


@pytest.mark.parametrize("case", ODD)
async def test_an_odd_request_is_left_to_the_ordinary_route(pair: Pair, case: str) -> None:
    wanted, pieces = ODD[case]
    status, lean, text = await pair.ask(pieces)
    assert status == wanted, text
    assert not lean
