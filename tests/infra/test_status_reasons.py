"""`status`: its table stays narrow however long a reason is, and what needs a person is told below it."""

import asyncio
import io
import json

import pytest
from rich.console import Console

from infra.commands.status import HEADINGS, process_table
from infra.launcher.fitted_table import WIDEST, fitted, shortened
from infra.launcher.processes import alarm_texts, alarms, check
from infra.launcher.program import NotReady

NOTHING: list[object] = [None, [], {}, "text", 3]
LONG = "claiming " + ", ".join(f"orders/{number}" for number in range(100))


def row(reason: str) -> tuple[str, ...]:
    return ("command_api", "running", "4711", "3 h 12 min", "123 MB", "8001", reason)


def test_a_long_reason_is_cut_with_an_ellipsis_so_that_the_table_is_160_wide_at_most() -> None:
    text = io.StringIO()
    console = Console(file=text, width=200, soft_wrap=True)
    console.print(process_table([row(f"no: {LONG}\nsecond line"), row("yes")]))
    heading, first, second = [line.rstrip() for line in text.getvalue().splitlines()]
    assert max(len(heading), len(first), len(second)) <= WIDEST
    assert len(first) > WIDEST - 12
    assert first.endswith("\u2026")
    assert second.endswith("yes")


def test_a_table_that_fits_is_left_as_it_is() -> None:
    assert fitted(HEADINGS, [row("no: does not answer yet")]) == [list(row("no: does not answer yet"))]


def test_a_text_is_cut_between_words_where_one_ends_near() -> None:
    assert shortened("waits for Kafka, again", 18) == "waits for Kafka\u2026"
    assert shortened("x" * 40, 10) == "x" * 9 + "\u2026"


def test_alarms_are_texts_or_counts_above_0() -> None:
    assert alarm_texts(["orders/1: 1 aggregates\nquarantined", ""]) == ["orders/1: 1 aggregates quarantined"]
    assert alarm_texts({"hanging": 0, "parked": 2}) == ["2 parked"]
    assert [alarm_texts(nothing) for nothing in NOTHING] == [[]] * len(NOTHING)


@pytest.mark.parametrize("status", [200, 503])
async def test_alarms_and_reasons_are_read_from_ready_over_http(status: int) -> None:
    body = json.dumps({"ready": status == 200, "reasons": ["a", "b"], "alarms": ["stock/2: away"]}).encode()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        assert await alarms(url) == ["stock/2: away"]
        if status == 503:
            with pytest.raises(NotReady, match=r"^a; b$"):
                await check(url)


async def test_a_process_that_does_not_answer_has_no_alarms() -> None:
    assert await alarms("http://127.0.0.1:1") == []
