"""Requests on their way to the instance that should hold their shard, over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator

import orjson
import pytest
from starlette.responses import Response, StreamingResponse

from command_api.group.connection import Forwarded
from command_api.group.forwarding import ROUTING_SECONDS, Forwarder, is_forwarded
from command_api.refusals import Misdirected, NotReady, UnknownOutcome
from infra.launcher.ports import free_ports
from tests.command_api.group.instances import Instance, Table, serving
from tests.support.poll import until

IN_VAIN_SECONDS = ROUTING_SECONDS - 0.5
"""Who does not give up before it tries at least so long."""
BODY = orjson.dumps({"items": [{"sku": "A", "quantity": 1}]})


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def forwarder(table: Table) -> AsyncIterator[Forwarder]:
    async with Forwarder(table, "http://127.0.0.1:8001") as made:
        yield made


async def order(forwarder: Forwarder, seconds: float = 10) -> Forwarded:
    headers = [(b"content-type", b"application/json"), (b"idempotency-key", b"key-1")]
    return await forwarder.forward(3, "POST", "/v1/orders", headers, BODY, deadline_seconds=seconds)


def misdirected(generation: int) -> Response:
    return Misdirected("Shard 3 is not held here.", generation=generation).response("/v1/orders")


async def test_the_owner_gets_the_request_as_it_came_and_its_answer_is_given_as_it_is(
    table: Table, forwarder: Forwarder
) -> None:
    answer = Response(b'{"status":"PENDING"}', 201, {"ETag": '"1"', "Consistency-Token": "c:orders/3@7"})
    owner = Instance(lambda: answer)
    headers = [
        (b"host", b"stockroom.example"),
        (b"content-type", b"application/json"),
        (b"content-length", b"9999"),
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"keep-alive, X-Hop"),
        (b"x-hop", b"1"),
        (b"via", b"1.1 gateway"),
        (b"stockroom-forwarded", b"1"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    ]
    async with serving(owner) as address:
        table.write(7, address)
        got = await forwarder.forward(3, "PATCH", "/v1/orders/a%2Fb?x=%C3%A4&y", headers, BODY, deadline_seconds=10)
    assert (got.status, got.body) == (201, b'{"status":"PENDING"}')
    assert got.headers == [(b"etag", b'"1"'), (b"consistency-token", b"c:orders/3@7")]
    (arrived,) = owner.arrived
    assert (arrived.method, arrived.target, arrived.body) == ("PATCH", "/v1/orders/a%2Fb?x=%C3%A4&y", BODY)
    assert arrived.headers == [
        (b"host", address.removeprefix("http://").encode()),
        (b"content-type", b"application/json"),
        (b"via", b"1.1 gateway"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"via", b"1.1 127.0.0.1:8001"),
        (b"stockroom-forwarded", b"7"),
        (b"content-length", b"%d" % len(BODY)),
    ]
    assert is_forwarded(arrived.headers)
    assert not is_forwarded([(b"via", b"1.1 gateway")])


async def test_large_bodies_and_answers_of_unknown_length_pass_whole(table: Table, forwarder: Forwarder) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%d" % (number % 10) * 20_000

    owner = Instance(lambda: StreamingResponse(pieces()))
    async with serving(owner) as address:
        table.write(1, address)
        got = await forwarder.forward(3, "POST", "/v1/bulk", [], b"x" * 3_000_000, deadline_seconds=20)
    assert owner.arrived[0].body == b"x" * 3_000_000
    assert got.body == b"".join(b"%d" % (number % 10) * 20_000 for number in range(50))


async def test_connections_are_kept_and_shared_by_one_request_at_a_time(table: Table, forwarder: Forwarder) -> None:
    owner = Instance()
    async with serving(owner) as address:
        table.write(1, address)
        for _ in range(3):
            await order(forwarder)
        assert len({arrived.port for arrived in owner.arrived}) == 1
        await asyncio.gather(*(order(forwarder) for _ in range(5)))
    assert len({arrived.port for arrived in owner.arrived[3:]}) == 5


async def test_a_connection_that_the_owner_will_close_is_not_used_again(table: Table, forwarder: Forwarder) -> None:
    owner = Instance(lambda: Response(b"done", headers={"Connection": "close"}))
    async with serving(owner) as address:
        table.write(1, address)
        for _ in range(3):
            assert (await order(forwarder)).body == b"done"
    assert len({arrived.port for arrived in owner.arrived}) == 3


async def test_kept_connections_that_the_owner_has_closed_do_no_harm(table: Table, forwarder: Forwarder) -> None:
    (port,) = free_ports(1)
    for _ in range(2):
        async with serving(Instance(), port) as address:
            table.write(1, address)
            assert (await order(forwarder)).status == 201


async def test_a_refused_connection_waits_for_a_newer_routing(table: Table, forwarder: Forwarder) -> None:
    owner = Instance()
    table.write(1, f"http://127.0.0.1:{free_ports(1)[0]}")
    waiting = asyncio.create_task(order(forwarder))
    async with serving(owner) as address:
        assert not waiting.done()
        table.write(2, address)
        assert (await waiting).status == 201
    assert [dict(arrived.headers)[b"stockroom-forwarded"] for arrived in owner.arrived] == [b"2"]


async def test_a_refused_connection_is_tried_again_while_the_owner_starts(table: Table, forwarder: Forwarder) -> None:
    owner, (port,) = Instance(), free_ports(1)
    table.write(1, f"http://127.0.0.1:{port}")
    waiting = asyncio.create_task(order(forwarder))
    await asyncio.sleep(0)
    async with serving(owner, port):
        assert (await waiting).status == 201
    assert len(owner.arrived) == 1


async def test_nothing_was_done_when_nobody_takes_the_connection_in_time(table: Table, forwarder: Forwarder) -> None:
    table.write(1, f"http://127.0.0.1:{free_ports(1)[0]}")
    started = time.monotonic()
    with pytest.raises(NotReady, match="cannot be reached"):
        await order(forwarder, seconds=0.5)
    assert 0.3 < time.monotonic() - started < IN_VAIN_SECONDS


async def test_a_misdirected_request_goes_to_the_owner_of_a_newer_routing(table: Table, forwarder: Forwarder) -> None:
    former, owner = Instance(lambda: misdirected(5)), Instance()
    async with serving(former) as old, serving(owner) as new:
        table.write(4, old)
        waiting = asyncio.create_task(order(forwarder))

        async def arrived() -> int:
            return len(former.arrived)

        await until(arrived, lambda count: count == 1)
        assert not waiting.done()
        table.write(5, new)
        assert (await waiting).status == 201
    assert len(owner.arrived) == 1


async def test_an_owner_that_has_not_heard_yet_what_it_holds_is_asked_again(table: Table, forwarder: Forwarder) -> None:
    answers = iter([misdirected(3), misdirected(3), Response(b"done", 201)])
    owner = Instance(lambda: next(answers))
    async with serving(owner) as address:
        table.write(4, address)
        assert (await order(forwarder)).status == 201
    assert len(owner.arrived) == 3


async def test_what_nobody_admits_to_hold_is_refused_in_the_end(table: Table, forwarder: Forwarder) -> None:
    behind = Instance(lambda: misdirected(3))
    async with serving(behind) as address:
        table.write(4, address)
        started = time.monotonic()
        with pytest.raises(NotReady, match="who holds it is being settled"):
            await order(forwarder, seconds=0.5)
    assert 0.3 < time.monotonic() - started < IN_VAIN_SECONDS


async def test_the_last_instance_that_leaves_refuses_at_once(table: Table, forwarder: Forwarder) -> None:
    table.deserted = True
    async with serving(Instance(lambda: misdirected(3))) as address:
        table.write(3, address)
        started = time.monotonic()
        with pytest.raises(NotReady):
            await order(forwarder)
    assert time.monotonic() - started < IN_VAIN_SECONDS


@pytest.mark.parametrize("body", [b"", b"[]", b'{"code":"other"}'])
async def test_a_421_that_is_no_instances_passes_through(table: Table, forwarder: Forwarder, body: bytes) -> None:
    async with serving(Instance(lambda: Response(body, 421))) as address:
        table.write(1, address)
        got = await order(forwarder)
    assert (got.status, got.body) == (421, body)


async def test_refusals_of_the_owner_pass_through(table: Table, forwarder: Forwarder) -> None:
    refused = NotReady("The partition is being claimed.", retry_after=2)
    owner = Instance(refused.response)
    async with serving(owner) as address:
        table.write(1, address)
        got = await order(forwarder)
    assert (got.status, dict(got.headers)[b"retry-after"]) == (503, b"2")
    assert orjson.loads(got.body)["code"] == "partition_unavailable"
    assert len(owner.arrived) == 1


async def test_without_a_routing_a_request_waits_for_one(table: Table, forwarder: Forwarder) -> None:
    waiting = asyncio.create_task(order(forwarder))
    async with serving(Instance()) as address:
        assert not waiting.done()
        table.write(1, address)
        assert (await waiting).status == 201


async def test_without_a_routing_in_time_nothing_was_done(forwarder: Forwarder) -> None:
    with pytest.raises(NotReady, match="its owner is not known"):
        await order(forwarder, seconds=0.2)


@pytest.mark.parametrize("target", ["v1/orders", "/v1/or ders", "/v1/orders HTTP/1.1\r\nx: y", "/v1/ö", ""])
async def test_a_path_that_could_be_read_as_more_is_not_sent(forwarder: Forwarder, target: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        await forwarder.forward(3, "POST", target, [], b"", deadline_seconds=1)


class TestUnknownOutcomes:
    """Instances that take a request and do not answer properly: on plain sockets, since no server would do that."""

    arrived = 0

    @pytest.fixture
    async def owner(self, table: Table, sends: bytes, ends: bool) -> AsyncIterator[None]:
        """An instance that reads the request, sends this, and closes the connection or does nothing more."""
        self.arrived = 0
        closing = asyncio.Event()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(BODY)
            self.arrived += 1
            writer.write(sends)
            await writer.drain()
            if not ends:
                await closing.wait()
            writer.close()

        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            table.write(1, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            yield
            closing.set()

    @pytest.mark.parametrize(
        ("sends", "ends"),
        [
            (b"", True),
            (b"", False),
            (b"HTTP/1.1 201 Created\r\ncontent-le", True),
            (b"HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\nhalf", True),
            (b"HTTP/1.1 201 Created\r\ncontent-length: 10\r\n\r\nhalf", False),
            (b"HTTP/1.1 201 Created\r\n\r\nuntil the end", True),
            (b"SSH-2.0-OpenSSH\r\n", False),
        ],
    )
    @pytest.mark.usefixtures("owner")
    async def test_a_request_without_a_whole_answer_is_not_repeated(self, table: Table, forwarder: Forwarder) -> None:
        with pytest.raises(UnknownOutcome):
            await order(forwarder, seconds=0.4)
        assert self.arrived == 1

    @pytest.mark.parametrize(("sends", "ends"), [(b"", False)])
    @pytest.mark.usefixtures("owner")
    async def test_a_sender_that_gives_up_does_not_get_the_next_ones_answer(
        self, table: Table, forwarder: Forwarder
    ) -> None:
        asked = asyncio.create_task(order(forwarder))

        async def arrived() -> int:
            return self.arrived

        await until(arrived, lambda count: count == 1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        async with serving(Instance(), 0) as address:
            table.write(2, address)
            assert (await order(forwarder)).body == b"done"
