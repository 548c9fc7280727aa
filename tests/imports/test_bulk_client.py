import asyncio
import time
from collections.abc import Awaitable, Callable

import httpx
import orjson
import pytest

from infra.imports.bulk_client import BulkClient, ImportStopped, batches
from infra.imports.bulk_command import Answer, BulkCommand, command
from infra.launcher.ports import free_ports
from tests.imports.faulty_bulk import Fault, FaultyBulk, Result, listening, ndjson
from tests.support.poll import until


def commands(count: int, **fields: str) -> list[BulkCommand]:
    return [command("orders", f"key-{number}", {"type": "PlaceOrder", **fields}) for number in range(count)]


class Sent:
    """What a client was told, and what it said of trouble."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.troubles: list[str] = []

    def settled(self, sent: BulkCommand, answer: Answer) -> None:
        assert sent.key not in self.answers, "a command was settled twice"
        self.answers[sent.key] = answer

    async def send(self, url: str, wanted: list[BulkCommand], *, patience: float = 10.0) -> BulkClient:
        async with httpx.AsyncClient(trust_env=False) as http:
            client = BulkClient(
                http, url, self.settled, self.troubles.append, most_commands=10, patience=patience, longest_pause=0.05
            )
            await client.send(wanted)
            return client


def _as_they_are(troubles: list[str]) -> Callable[[], Awaitable[list[str]]]:
    async def ask() -> list[str]:
        return troubles

    return ask


def lost(number: int, results: list[Result]) -> bytes | None:
    return None if number % 2 else ndjson(results)


def away(number: int, results: list[Result]) -> bytes | int:
    return 503 if number % 3 else ndjson(results)


def cut_off(number: int, results: list[Result]) -> bytes:
    whole = ndjson(results)
    return whole if len(results) == 1 else whole[: len(whole) // 2]


def in_progress(number: int, results: list[Result]) -> bytes:
    if number <= 4:
        results[0] = {"key": results[0]["key"], "status": 409, "code": "request_in_progress", "detail": ""}
        results[-1] = {"key": results[-1]["key"], "status": 503, "code": "outcome_unknown", "detail": ""}
    return ndjson(results)


def product_not_read_yet(number: int, results: list[Result]) -> bytes:
    if number <= 4:
        results[0] = {"key": results[0]["key"], "status": 404, "code": "product_not_found", "detail": ""}
    return ndjson(results)


@pytest.mark.parametrize("fault", [lost, away, cut_off, in_progress, product_not_read_yet])
async def test_every_command_is_answered_once_whatever_goes_wrong(fault: Fault) -> None:
    server, sent = FaultyBulk(fault), Sent()
    async with listening(server) as url:
        client = await sent.send(url, commands(95))
    assert len(sent.answers) == 95
    assert all(answer.is_done for answer in sent.answers.values())
    assert set(server.done) == set(sent.answers)
    assert client.repeated == len(sent.troubles) > 0


async def test_without_faults_each_command_is_sent_once_and_few_requests_are_in_flight() -> None:
    server, sent = FaultyBulk(lambda _, results: ndjson(results)), Sent()
    async with listening(server) as url:
        client = await sent.send(url, commands(95))
    assert set(server.done.values()) == {1}
    assert (client.repeated, server.requests) == (0, 10)
    assert 2 <= server.most_at_once <= 3
    assert [key for batch in sorted(server.seen, key=lambda one: int(one[0][4:])) for key in batch] == [
        f"key-{number}" for number in range(95)
    ]


async def test_only_the_lines_without_a_final_answer_are_sent_again() -> None:
    server, sent = FaultyBulk(in_progress), Sent()
    async with listening(server) as url:
        await sent.send(url, commands(10))
    assert server.seen[1] == ["key-0", "key-9"]


async def test_a_server_that_starts_later_is_waited_for() -> None:
    (port,) = free_ports(1)
    server, sent = FaultyBulk(lambda _, results: ndjson(results)), Sent()
    sending = asyncio.create_task(sent.send(f"http://127.0.0.1:{port}", commands(20)))
    await until(_as_they_are(sent.troubles), bool)
    async with listening(server, port):
        await sending
    assert len(sent.answers) == 20
    assert "does not answer" in sent.troubles[0]


@pytest.mark.parametrize("code", ["insufficient_stock", "product_exists", "validation_failed"])
async def test_a_refusal_is_final_and_is_told(code: str) -> None:
    server, sent = FaultyBulk(lambda _, results: ndjson(results)), Sent()
    async with listening(server) as url:
        await sent.send(url, commands(3, refuse=code))
    assert server.requests == 1
    assert {answer.code for answer in sent.answers.values()} == {code}


async def test_a_product_that_stays_unknown_is_a_refusal_in_the_end() -> None:
    def unknown(_: int, results: list[Result]) -> bytes:
        return ndjson(
            [{"key": one["key"], "status": 404, "code": "product_not_found", "detail": ""} for one in results]
        )

    server, sent = FaultyBulk(unknown), Sent()
    async with listening(server) as url:
        await sent.send(url, commands(2))
    assert {answer.code for answer in sent.answers.values()} == {"product_not_found"}


async def test_a_request_that_is_refused_as_a_whole_stops_the_import() -> None:
    async with listening(FaultyBulk(lambda *_: 413)) as url:
        with pytest.raises(ImportStopped, match="413"):
            await Sent().send(url, commands(3))


async def test_a_server_that_stays_away_stops_the_import_after_the_patience() -> None:
    (port,) = free_ports(1)
    began = time.monotonic()
    with pytest.raises(ImportStopped, match="does not answer"):
        await Sent().send(f"http://127.0.0.1:{port}", commands(3), patience=0.3)
    assert time.monotonic() - began < 5


async def test_an_answer_to_another_key_stops_the_import() -> None:
    def swapped(_: int, results: list[Result]) -> bytes:
        return ndjson(results[::-1])

    async with listening(FaultyBulk(swapped)) as url:
        with pytest.raises(ImportStopped, match="key-"):
            await Sent().send(url, commands(2))


def test_batches_keep_the_order_and_both_bounds() -> None:
    wanted = [command("orders", f"k{number}", {"type": "X", "pad": "x" * (number * 10)}) for number in range(30)]
    made = list(batches(wanted, most_commands=7, most_bytes=900))
    assert [one for batch in made for one in batch] == wanted
    assert all(len(batch) <= 7 for batch in made)
    assert all(sum(len(one.line) + 1 for one in batch) <= 900 for batch in made)
    assert [len(batch) for batch in batches(wanted[:3], 7, 10)] == [1, 1, 1]


def test_a_command_is_one_line_with_its_time_in_utc() -> None:
    line = command("orders", "k", {"type": "X", "name": "two\nlines"}).line
    assert b"\n" not in line
    assert orjson.loads(line) == {"key": "k", "command": {"type": "X", "name": "two\nlines"}}
