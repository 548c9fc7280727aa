"""`./stockroom dlq` as a process of its own, on a database in which two events of stock were parked by broken code."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest
from redis.asyncio import Redis

from event_schemas.codec import encode
from event_schemas.envelope import to_headers
from event_schemas.holder import Holder
from event_schemas.record import LogRecord, Recorded, recorded
from event_schemas.topics import STOCK
from infra.log_reader import START, Batch, Position
from infra.settings import Settings
from projectors import stock
from projectors.postgres_store import PostgresStore
from tests.projectors.log import Log, received

REPOSITORY = Path(__file__).parents[2]
PARKED = {"key": "KB-1", "projection": "stock", "attempts": 1}


def _refuse(events: Sequence[Recorded]) -> NoReturn:
    raise ValueError("this code is broken")


@pytest.fixture
async def own(settings: Settings, postgres: asyncpg.Pool, redis: Redis, unique: str) -> AsyncIterator[Settings]:
    """Settings with a database of their own."""
    await postgres.execute(f"CREATE DATABASE {unique}")
    yield settings.model_copy(update={"postgres_dsn": urlsplit(settings.dsn)._replace(path=f"/{unique}").geturl()})
    await postgres.execute(f"DROP DATABASE {unique} WITH (FORCE)")


@pytest.fixture
async def parked(own: Settings) -> Settings:
    """The settings of a database in which two events of one SKU are parked."""
    log = Log()
    events = [log.add(received("KB-1", 50)), log.add(received("KB-1", 3))]
    records = [
        LogRecord(STOCK.name, 0, one.offset, 1_300_000_000_000, b"KB-1", encode(one.event), to_headers(one.envelope))
        for one in events
    ]
    async with asyncpg.create_pool(own.dsn, min_size=1, max_size=2) as pool:
        store = PostgresStore(pool, stock.PROJECTION._replace(apply=_refuse), recorded)
        await store.prepare([0])
        loaded = await store.load([0])
        batch = Batch(STOCK.name, 0, records, START, Position(len(records), Holder(1, "w")), 0)
        await store.commit([batch], loaded.parked)
    return own


async def _dlq(settings: Settings, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "projectors", "dlq", *arguments),
        cwd=REPOSITORY,
        env={**os.environ, "STOCKROOM_POSTGRES_DSN": settings.dsn, "STOCKROOM_REDIS_URL": settings.redis_address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_list_tells_a_line_for_each_and_json_the_same(parked: Settings) -> None:
    code, output = await _dlq(parked, "list", "--projection", "stock")
    first, second = output.splitlines()
    assert code == 0
    assert re.fullmatch(
        r"stock  stock/0@0  KB-1  apply_failed  1 try  [\d,]+ s old  ValueError: this code is broken", first
    )
    assert "stock/0@1  KB-1  queued_behind" in second
    code, output = await _dlq(parked, "list", "--json", "--key", "KB-1", "--projection", "stock")
    described = [orjson.loads(line) for line in output.splitlines()]
    assert [one["place"] for one in described] == ["stock/0@0", "stock/0@1"]
    assert described[0].items() >= {**PARKED, "appended_at": "2011-03-13T07:06:40.000+00:00"}.items()
    assert await _dlq(parked, "list", "--key", "another", "--projection", "stock") == (0, "")


async def test_show_tells_headers_and_value(parked: Settings) -> None:
    code, output = await _dlq(parked, "show", "stock/0@1", "--json")
    shown = orjson.loads(output)
    assert code == 0
    assert shown["headers"]["ce_type"] == "stock.received.v1"
    assert orjson.loads(shown["value"])["quantity"] == 3
    assert await _dlq(parked, "show", "stock/0@7") == (1, "nothing is parked at stock/0@7\n")


async def test_retry_applies_with_the_code_of_today(parked: Settings) -> None:
    assert await _dlq(parked, "retry", "stock/0@1", "--projection", "stock") == (
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
    assert await _dlq(parked, "retry", "--all", "--yes", "--projection", "stock") == (1, "nothing is parked\n")


async def test_what_makes_no_sense_is_told_and_nothing_is_done(own: Settings) -> None:
    assert await _dlq(own, "list") == (0, "")
    assert await _dlq(own, "retry") == (2, "give a place, or --key, or --all\n")
    assert await _dlq(own, "show", "stock") == (2, "'stock' is no place: TOPIC/PARTITION@OFFSET, as `list` shows it.\n")
    assert await _dlq(own, "retry", "stock/0@0", "--all") == (2, "give a place, or --key, or --all\n")
    code, output = await _dlq(own, "list", "--projection", "nobody")
    assert (code, "known: catalog, stock" in output) == (2, True)
    away = own.model_copy(update={"postgres_dsn": "postgresql://nobody@127.0.0.1:1/none"})
    code, output = await _dlq(away, "list")
    assert (code, output.startswith("a server is away (")) == (1, True)
