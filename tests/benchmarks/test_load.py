"""The load generator against a server that is slow in a known way."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import repeat
from types import SimpleNamespace

import pytest

from benchmarks.load.connection import Connection
from benchmarks.load.generator import LoadFailed, load
from benchmarks.load.loops import OpenLoop
from benchmarks.load.measured import Tally, percentiles
from benchmarks.load.plan import Plan
from tests.support.in_time import in_time

GOOD = b"HTTP/1.1 201 Created\r\nContent-Length: 22\r\n\r\n" + b'{"status":"CONFIRMED"}'
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 21\r\n\r\n" + b'{"code":"overloaded"}'
Answering = Callable[[int], bytes | None]
"""The answer to the n-th request, from 1; None hangs up."""


class _Server(asyncio.Protocol):
    def __init__(self, answers: Answering, requests: list[bytes], piece: int) -> None:
        self._answers, self._requests, self._piece = answers, requests, piece

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._requests.append(data)
        answer = self._answers(len(self._requests))
        if answer is None:
            self._transport.abort()
        else:
            self._write(answer)

    def _write(self, rest: bytes) -> None:
        self._transport.write(rest[: self._piece])
        if rest[self._piece :]:
            asyncio.get_running_loop().call_later(0.001, self._write, rest[self._piece :])


@asynccontextmanager
async def serving(answers: Answering, piece: int = 10_000) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server's port, and the requests that it got. It writes answers in pieces of so many bytes, 1 ms apart."""
    requests: list[bytes] = []
    server = await asyncio.get_running_loop().create_server(lambda: _Server(answers, requests, piece), "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], requests


def plan(port: int, clients: int, seconds: float, **more: object) -> Plan:
    given = {"warm_up_seconds": 0.0, "patience_seconds": 20.0, **more}
    return Plan("127.0.0.1", port, ("A", "B"), clients, seconds, **given)  # type: ignore[arg-type]


def stalling_once(at: int, seconds: float) -> Answering:
    """Stands still for some seconds at one request, as a stop of the world does."""

    def answer(number: int) -> bytes:
        if number == at:
            time.sleep(seconds)
        return GOOD

    return answer


def test_percentiles_of_one_to_a_thousand_milliseconds_in_any_order() -> None:
    durations = [n / 1000 for n in range(1, 1001)]
    random.Random(4).shuffle(durations)
    assert percentiles(durations) == {"p50": 500, "p90": 900, "p99": 990, "p99.9": 999, "max": 1000}


def test_percentiles_of_one_duration_are_that_duration() -> None:
    assert set(percentiles([0.25]).values()) == {250.0}


def test_percentiles_of_an_exponential_distribution_are_those_of_its_formula() -> None:
    source = random.Random(4)
    found = percentiles([source.expovariate(1000) for _ in range(100_000)])
    assert found["p50"] == pytest.approx(0.693, rel=0.03)
    assert found["p99"] == pytest.approx(4.605, rel=0.05)


async def test_a_stall_of_a_second_shows_in_the_tail_of_the_open_loop() -> None:
    """500 requests a second for 3 s: those due in the second of the stall waited from 1 s down to 0 for its end."""

    async def median() -> float:
        async with serving(stalling_once(at=250, seconds=1.0)) as (port, _):
            open_loop = await load(plan(port, 16, 3.0, rate=500.0, poisson=False))
        assert open_loop.sent == pytest.approx(1500, abs=1)
        assert open_loop.failures == {}
        assert open_loop.ms["max"] >= 990
        # A third of all requests fell due within the stall; a sixth of all waited for more than half of it.
        assert open_loop.ms["p90"] >= 500
        return open_loop.ms["p50"] / 1000

    await in_time(0.5, median)


async def test_the_same_stall_is_one_request_of_each_client_to_the_closed_loop() -> None:
    async with serving(stalling_once(at=250, seconds=1.0)) as (port, _):
        closed_loop = await load(plan(port, 1, 2.0))
    assert closed_loop.ms["max"] >= 990
    assert closed_loop.ms["p99"] < 500


async def test_an_open_loop_offers_its_rate_to_a_server_that_never_answers() -> None:
    async with serving(lambda number: GOOD if number <= 10 else b"") as (port, requests):
        found = await load(plan(port, 4, 0.5, rate=200.0, poisson=False, patience_seconds=0.2))
    assert found.sent == pytest.approx(100, abs=1)
    assert found.failures == {"no answer": found.sent - 10}
    assert len(requests) == 14


class _Sent(Connection):
    """A connection that keeps what it is to send, and never has an answer."""

    def __init__(self) -> None:
        super().__init__(b"", lambda connection, failure: None)
        self.is_open = True

    def send(self, request: bytes, due: float, now: float) -> None:
        self.due = due


async def test_what_is_due_before_the_end_is_sent_though_its_alarm_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "setitimer", lambda *_: None)
    began, until = 0.0, 0.05
    clock = [began]
    monkeypatch.setattr("benchmarks.load.loops.time", SimpleNamespace(perf_counter=lambda: clock[0]))
    loop = OpenLoop(repeat(b"request"), Tally(began, until), began, until, 1_000, poisson=False)
    connections = [_Sent() for _ in range(100)]
    loop.start(list(connections))
    assert loop.waiting == 1
    clock[0] = until
    loop.end()
    assert loop.waiting == pytest.approx(50, abs=1)
    assert max(connection.due for connection in connections) < until
    loop.end()
    assert loop.waiting == pytest.approx(50, abs=1)


async def test_failures_are_counted_by_kind_and_are_no_latencies() -> None:
    answers = {1: BUSY, 2: b"HTTP/1.1 201 Created\r\nContent-Length: 20\r\n\r\n" + b'{"status":"PENDING"}', 9: None}
    async with serving(lambda number: answers.get(number, GOOD)) as (port, _):
        found = await load(plan(port, 2, 0.3, expected='"CONFIRMED"'))
    assert found.failures == {"503 overloaded": 1, 'answer without "CONFIRMED"': 1, "connection lost": 1}
    assert found.failed == 3
    # Each client's last answer may come after the measured time.
    assert found.sent - 3 - 2 <= found.ok <= found.sent - 3


async def test_a_run_without_one_good_answer_is_an_error_that_tells_the_failures() -> None:
    async with serving(lambda _: BUSY) as (port, _):
        with pytest.raises(LoadFailed, match="'503 overloaded'"):
            await load(plan(port, 1, 0.2))


async def test_an_answer_in_pieces_is_one_answer() -> None:
    async with serving(lambda _: GOOD, piece=25) as (port, _):
        found = await load(plan(port, 1, 0.3, expected='"CONFIRMED"'))
    assert found.failures == {}
    assert found.ok > 10


async def test_every_order_has_a_key_of_its_own_and_goes_to_the_products_in_turn() -> None:
    async with serving(lambda _: GOOD) as (port, requests):
        await load(plan(port, 1, 0.2, prefer="wait=20"))
        await load(plan(port, 1, 0.2))
    keys = {request.split(b"Idempotency-Key: ")[1].split(b"\r\n")[0] for request in requests}
    assert 20 < len(keys) == len(requests)
    assert b"Prefer: wait=20\r\n" in requests[0]
    assert b"Prefer" not in requests[-1]
    assert [b'"sku": "A"' in request for request in requests[:4]] == [True, False, True, False]


TOLD = (
    b"HTTP/1.1 201 Created\r\nConsistency-Token: c:stock/1@7\r\nLocation: http://127.0.0.1/v1/stock/A\r\n"
    b"Content-Length: 22\r\n\r\n" + b'{"status":"CONFIRMED"}'
)


async def test_every_second_receipt_is_followed_by_a_query_with_its_token() -> None:
    async with serving(lambda _: TOLD) as (port, requests):
        followed = {"receipts": True, "followed_every": 2, "query_port": port}
        found = await load(plan(port, 4, 0.5, rate=100.0, poisson=False, **followed))
    queries = [request for request in requests if request.startswith(b"GET /v1/stock/A HTTP/1.1\r\n")]
    receipts = [request for request in requests if request.startswith(b"POST /v1/stock/")]
    assert (len(receipts), len(queries)) == (found.sent, found.sent // 2)
    assert all(b"\r\nConsistency-Token: c:stock/1@7\r\n" in query for query in queries)
    assert len(found.shown) == len(queries)
    assert {answer.token for answer in found.answers} == {"c:stock/1@7"}
    assert len(found.answers) == found.sent
    assert (found.failures, found.query_failures) == ({}, {})


async def test_what_a_query_waits_counts_from_the_answer_to_the_command() -> None:
    def answer(number: int) -> bytes:
        if number == 2:
            time.sleep(0.3)
        return TOLD

    async with serving(answer) as (port, _):
        found = await load(plan(port, 1, 0.5, rate=2.0, poisson=False, followed_every=1, query_port=port))
    assert max(found.shown) >= 0.3


async def test_a_query_that_fails_is_counted_by_its_kind_and_is_no_failure_of_the_command() -> None:
    async with serving(lambda _: TOLD) as (port, _), serving(lambda _: BUSY) as (query_port, _):
        found = await load(plan(port, 1, 0.3, rate=20.0, followed_every=1, query_port=query_port))
    assert found.failures == {}
    assert found.query_failures == {"503 overloaded": found.sent}


async def test_an_answer_without_a_token_is_a_failure_where_it_should_be_followed() -> None:
    async with serving(lambda _: GOOD) as (port, _):
        with pytest.raises(LoadFailed, match="'answer without token or location'"):
            await load(plan(port, 1, 0.2, followed_every=1, query_port=port))
