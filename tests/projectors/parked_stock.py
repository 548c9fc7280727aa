"""A database of its own in which two events of stock were parked by broken code, and `./stockroom dlq` over it."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import asyncpg

from event_schemas.codec import encode
from event_schemas.envelope import to_headers
from event_schemas.holder import Holder
from event_schemas.record import LogRecord, Recorded, recorded
from event_schemas.topics import STOCK
from infra.log_batch import START, Batch, Position
from infra.settings import Settings
from projectors.read_models import stock
from projectors.stores.postgres_store import PostgresStore
from tests.projectors.log import Log, received

REPOSITORY = Path(__file__).parents[2]


def _refuse(events: Sequence[Recorded]) -> NoReturn:
    raise ValueError("this code is broken")


async def park_two(settings: Settings, first_offset: int = 0) -> Settings:
    """Park two events of one SKU at these offsets of stock/0; gives the settings."""
    log = Log()
    events = [log.add(received("KB-1", 50)), log.add(received("KB-1", 3))]
    records = [
        LogRecord(
            STOCK.name,
            0,
            first_offset + one.offset,
            1_300_000_000_000,
            b"KB-1",
            encode(one.event),
            to_headers(one.envelope),
        )
        for one in events
    ]
    async with asyncpg.create_pool(settings.dsn, min_size=1, max_size=2) as pool:
        store = PostgresStore(pool, stock.PROJECTION._replace(apply=_refuse), recorded)
        await store.prepare([0])
        loaded = await store.load([0])
        batch = Batch(STOCK.name, 0, records, START, Position(first_offset + len(records), Holder(1, "w")), 0)
        await store.commit([batch], loaded.parked)
    return settings


async def dlq(settings: Settings, *arguments: str, into: int | None = None) -> tuple[int, str]:
    """Run the command; gives its exit code and what it said, but for what it writes ``into`` a file descriptor."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "projectors", "dlq", *arguments),
        cwd=REPOSITORY,
        env={
            **os.environ,
            "STOCKROOM_POSTGRES_DSN": settings.dsn,
            "STOCKROOM_REDIS_URL": settings.redis_address,
            "STOCKROOM_COMMAND_API_PORT": str(settings.command_api_port),
        },
        stdout=asyncio.subprocess.PIPE if into is None else into,
        stderr=asyncio.subprocess.STDOUT if into is None else asyncio.subprocess.PIPE,
    )
    output, told = await process.communicate()
    assert process.returncode is not None
    said = told if output is None else output
    return process.returncode, said.decode()
