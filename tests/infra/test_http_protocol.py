"""The bounds of a connection: a request arrives in time, its head is bounded, and no answer is given to another's."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Receive, Scope, Send

from infra.http.protocol import MAX_HEAD_BYTES, BoundedProtocol
from tests.support.poll import until
from tests.support.raw_http import Raw, exchange, request, served

HEAD = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"


class Echo:
    """Answers with the body, on /header with the header X; on /slow late, on /stream with the head long before, on
    /early without having read it."""

    def __init__(self) -> None:
        self.left = 0
        self.leave = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            body = b"" if scope["path"] == "/early" else await request.body()
        except ClientDisconnect:
            self.left += 1
            return
        if scope["path"] == "/header":
            body = request.headers.get("x", "none").encode()
        if scope["path"] == "/slow":
            await self.leave.wait()
        if scope["path"] == "/stream":
            await StreamingResponse(self.pieces())(scope, receive, send)
        else:
            await PlainTextResponse(body)(scope, receive, send)

    async def pieces(self) -> AsyncIterator[bytes]:
        await self.leave.wait()
        yield b"all"


@pytest.fixture
async def echo(monkeypatch: pytest.MonkeyPatch) -> Echo:
    monkeypatch.setattr(BoundedProtocol, "arrival_seconds", 0.3)
    return Echo()


def refused(raw: Raw, status: int, code: str) -> None:
    assert raw.status == status, raw
    head, _, body = raw.text.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert f'"code":"{code}"'.encode() in body


@pytest.mark.parametrize("start", [HEAD[:-4], HEAD + b"\r\n", HEAD + b"\r\nhalf", b"P"])
async def test_a_request_that_does_not_arrive_in_time_is_refused_and_its_connection_closed(
    echo: Echo, start: bytes
) -> None:
    async with served(echo) as port:
        refused(await exchange(port, start), 408, "request_timeout")
        if start.startswith(HEAD):
            assert await until(lambda: asyncio.sleep(0, echo.left), bool) == 1


async def test_a_byte_now_and_then_does_not_help(echo: Echo) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"X-A: b\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)

    async with served(echo) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD)
        dripping = asyncio.create_task(drip(writer))
        async with asyncio.timeout(20):
            refused(Raw(await reader.readuntil(b"}")), 408, "request_timeout")
        dripping.cancel()
        writer.close()


async def test_a_request_that_takes_a_while_but_arrives_in_time_is_answered(
    echo: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "arrival_seconds", 20)
    async with served(echo) as port:
        pieces = [bytes([one]) for one in request("POST", "/echo", body=b"0123456789")[-14:]]
        raw = await exchange(port, [request("POST", "/echo", body=b"0123456789")[:-14], *pieces])
        assert raw.text.endswith(b"\r\n\r\n0123456789")


async def test_an_answer_may_take_longer_than_its_request(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BoundedProtocol, "arrival_seconds", 3.5)
    async with served(echo) as port:
        whole = request("POST", "/slow", body=b"abc")
        asked = asyncio.create_task(exchange(port, [whole[:-1], whole[-1:]]))
        await asyncio.sleep(BoundedProtocol.arrival_seconds + 0.5)
        echo.leave.set()
        assert (await asked).text.endswith(b"abc")


async def test_a_head_without_end_is_refused(echo: Echo) -> None:
    async with served(echo) as port:
        for start in (HEAD + b"X-Header: ", b"GET /"):
            pieces = [start, b"a" * 40_000, b"a" * (MAX_HEAD_BYTES + 1 - 40_000 - len(start))]
            refused(await exchange(port, pieces), 431, "head_too_large")


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, 120_000])
async def test_a_head_above_the_bound_is_refused_also_when_it_is_complete(echo: Echo, size: int) -> None:
    async with served(echo) as port:
        for large in (request("GET", "/echo", "X: " + "a" * size), request("GET", "/echo?" + "a" * size)):
            refused(await exchange(port, [large[:60_000], large[60_000:]]), 431, "head_too_large")


async def test_a_request_without_one_host_is_refused(echo: Echo) -> None:
    async with served(echo) as port:
        whole = request("GET", "/echo")
        for hosts in (b"", b"Host: a\r\nHost: b\r\n"):
            refused(await exchange(port, whole.replace(b"Host: test\r\n", hosts)), 400, "bad_request")
        old = whole.replace(b"Host: test\r\n", b"").replace(b"HTTP/1.1", b"HTTP/1.0")
        assert (await exchange(port, old)).status == 200


async def test_a_body_in_front_of_a_head_does_not_count_as_head(echo: Echo) -> None:
    first = request("POST", "/echo", body=b"0" * 100_000).replace(b"Connection: close\r\n", b"")
    second = request("POST", "/echo", body=b"second")
    async with served(echo) as port:
        raw = await exchange(port, [first + second[:20], second[20:]])
    assert raw.text.count(b"HTTP/1.1 200") == 2
    assert raw.text.endswith(b"second")


@pytest.mark.parametrize(("behind", "line"), [(b"0\r\nX: ", b"a"), (b"0\r\n", b"X: b\r\n"), (b"1;", b"a")])
async def test_trailers_and_extensions_without_end_are_refused(echo: Echo, behind: bytes, line: bytes) -> None:
    head = HEAD.replace(b"Content-Length: 10", b"Transfer-Encoding: chunked")
    endless = [line * (40_000 // len(line))] * 2
    async with served(echo) as port:
        refused(await exchange(port, [head + b"\r\n1\r\na\r\n" + behind, *endless]), 431, "head_too_large")
        answered = await exchange(port, [head + b"Connection: close\r\n\r\n1\r\na\r\n0\r\nX: b\r\n\r\n"])
        assert answered.text.endswith(b"\r\n\r\na")


async def test_a_trailer_is_no_header(echo: Echo) -> None:
    head = b"POST /header HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n"
    async with served(echo) as port:
        for header, trailer, told in ((b"X: b\r\n", b"", b"b"), (b"", b"X: b\r\n", b"none")):
            raw = await exchange(port, head + header + b"\r\n1\r\na\r\n0\r\n" + trailer + b"\r\n")
            assert raw.text.endswith(b"\r\n\r\n" + told)


async def test_a_head_within_the_bound_is_taken(echo: Echo) -> None:
    async with served(echo) as port:
        assert (await exchange(port, request("GET", "/echo", "X-Header: " + "a" * 60_000))).status == 200


@pytest.mark.parametrize("text", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00", b"ORDER /echo HTTP/1.1\r\n\r\n"])
async def test_what_is_not_http_is_refused_in_the_shape_of_all_errors(echo: Echo, text: bytes) -> None:
    async with served(echo) as port:
        refused(await exchange(port, text), 400, "bad_request")


@pytest.mark.parametrize(
    ("next_one", "answer"),
    [
        (b"hello\r\n\r\n", b""),
        (b"GET /" + b"a" * 2 * MAX_HEAD_BYTES, b""),
        (b"GET /echo HTTP/1.1\r\nX: ", b"HTTP/1.1 200"),
    ],
)
async def test_a_bad_request_behind_one_under_way_is_not_answered_in_its_place(
    echo: Echo, next_one: bytes, answer: bytes
) -> None:
    async with served(echo) as port:
        asked = asyncio.create_task(exchange(port, [HEAD.replace(b"/echo", b"/slow") + b"\r\n0123456789", next_one]))
        await asyncio.sleep(3 * BoundedProtocol.arrival_seconds)
        echo.leave.set()
        assert (await asked).text[: len(b"HTTP/1.1 200")] == answer


async def test_a_body_that_is_not_waited_for_has_its_time_too(echo: Echo) -> None:
    async with served(echo) as port:
        raw = await exchange(port, HEAD.replace(b"/echo", b"/early") + b"\r\n012")
        assert raw.status == 200
        assert b"408" not in raw.text


async def test_empty_lines_do_not_hold_a_connection(echo: Echo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.http.serve.KEEP_ALIVE_SECONDS", 1)
    async with served(echo) as port:
        assert (await exchange(port, b"\r\n\r\n", seconds=5)).text == b""
        assert (await exchange(port, b"", seconds=5)).text == b""
        lines = (b"\r\n" for _ in range(500))
        assert (await exchange(port, lines)).text == b""
        assert list(lines), "it took lines for 5 s"


async def test_a_head_does_not_wait_for_a_body_that_comes_later(echo: Echo) -> None:
    async with served(echo) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", "/stream"))
        async with asyncio.timeout(10):
            assert b"HTTP/1.1 200" in await reader.readuntil(b"\r\n\r\n")
            echo.leave.set()
            assert b"all" in await reader.read(-1)
        writer.close()


async def test_answers_without_a_body_are_sent(echo: Echo) -> None:
    async with served(echo) as port:
        raw = await exchange(port, request("HEAD", "/echo") + b"")
        assert raw.text.endswith(b"\r\n\r\n")
        assert raw.status == 200
