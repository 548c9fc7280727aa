"""`./stockroom dlq` as a process of its own, on a database in which two events of stock were parked by broken code."""

import os
import re

import asyncpg
import orjson
import pytest

from infra.settings import Settings
from tests.projectors.parked_stock import dlq, park_two

PARKED = {"key": "KB-1", "projection": "stock", "attempts": 1}


@pytest.fixture
async def parked(own: Settings) -> Settings:
    """The settings of a database in which two events of one SKU are parked."""
    return await park_two(own)


async def test_list_tells_a_line_for_each_and_json_the_same(parked: Settings) -> None:
    code, output = await dlq(parked, "list", "--projection", "stock")
    first, second = output.splitlines()
    assert code == 0
    assert re.fullmatch(
        r"stock  stock/0@0  KB-1  apply_failed  1 try  [\d,]+ s old  ValueError: this code is broken", first
    )
    assert "stock/0@1  KB-1  queued_behind" in second
    code, output = await dlq(parked, "list", "--json", "--key", "KB-1", "--projection", "stock")
    described = [orjson.loads(line) for line in output.splitlines()]
    assert [one["place"] for one in described] == ["stock/0@0", "stock/0@1"]
    assert described[0].items() >= {**PARKED, "appended_at": "2011-03-13T07:06:40.000+00:00"}.items()
    assert await dlq(parked, "list", "--key", "another", "--projection", "stock") == (
        0,
        "projections: nothing parked\n",
    )
    assert await dlq(parked, "list", "--json", "--key", "another", "--projection", "stock") == (0, "")


async def test_show_tells_headers_and_value(parked: Settings) -> None:
    code, output = await dlq(parked, "show", "stock/0@1", "--json")
    shown = orjson.loads(output)
    assert code == 0
    assert shown["headers"]["ce_type"] == "stock.received.v1"
    assert orjson.loads(shown["value"])["quantity"] == 3
    code, output = await dlq(parked, "show", "stock/0@1")
    assert code == 0
    assert "headers:\n  ce_" in output
    assert "\n  ce_type: stock.received.v1\n" in output
    assert await dlq(parked, "show", "stock/0@7") == (1, "nothing is parked at stock/0@7\n")


async def test_a_reader_that_has_enough_is_no_server_that_is_away(parked: Settings) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        assert await dlq(parked, "list", into=write) == (0, "")
        assert await dlq(parked, "show", "stock/0@1", into=write) == (0, "")
    finally:
        os.close(write)


async def test_retry_applies_with_the_code_of_today(parked: Settings) -> None:
    assert await dlq(parked, "retry", "stock/0@1", "--projection", "stock") == (
        0,
        "stock: 2 applied, 0 failed again, 0 wait behind those\n",
    )
    connection = await asyncpg.connect(parked.dsn)
    try:
        row = await connection.fetchrow("SELECT sku, on_hand FROM stock.levels")
        movements = await connection.fetch("SELECT balance_after, appended_at FROM stock.movements ORDER BY 1")
    finally:
        await connection.close()
    assert tuple(row or ()) == ("KB-1", 53)
    assert [(one["balance_after"], one["appended_at"].timestamp()) for one in movements] == [
        (50, 1_300_000_000),
        (53, 1_300_000_000),
    ]
    assert await dlq(parked, "retry", "--all", "--yes", "--projection", "stock") == (1, "nothing is parked\n")


@pytest.mark.parametrize("reason", ["", "   ", "sent\ntwice", "\x1b[31m", "x" * 201])
async def test_nothing_is_dropped_without_a_reason_that_can_be_read(parked: Settings, reason: str) -> None:
    answer = await dlq(parked, "drop", "stock/0@0", "--projection", "stock", "--reason", reason)
    assert answer == (2, "a reason is one line of 1 to 200 characters\n")
    _, output = await dlq(parked, "list", "--projection", "stock", "--json")
    assert [orjson.loads(line)["place"] for line in output.splitlines()] == ["stock/0@0", "stock/0@1"]


async def test_what_makes_no_sense_is_told_and_nothing_is_done(own: Settings) -> None:
    assert await dlq(own, "list") == (0, "projections: nothing parked\n")
    assert await dlq(own, "list", "--dropped") == (0, "projections: nothing dropped\n")
    assert await dlq(own, "retry") == (2, "give a place, or --key, or --all\n")
    assert await dlq(own, "show", "stock") == (2, "'stock' is no place: TOPIC/PARTITION@OFFSET, as `list` shows it.\n")
    assert await dlq(own, "retry", "stock/0@0", "--all") == (2, "give a place, or --key, or --all\n")
    code, output = await dlq(own, "list", "--projection", "nobody")
    assert (code, "known: catalog, stock" in output) == (2, True)
    away = own.model_copy(update={"postgres_dsn": "postgresql://nobody@127.0.0.1:1/none"})
    code, output = await dlq(away, "list")
    assert (code, output.startswith("a server is away (")) == (1, True)
