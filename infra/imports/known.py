"""What earlier imports have carried out, as the read models tell it: what the command API's memory of keys may forget.

Read only when the projections have no lag, so that it holds everything older than the moment of asking.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_exponential

from infra.away import POSTGRES_AWAY
from infra.imports.bulk_client import ImportStopped

PATIENCE_SECONDS = 60.0
_AWAY = (OSError, *POSTGRES_AWAY)

_REFERENCES = """
SELECT DISTINCT ref_id FROM stock.movements WHERE kind IN ('RECEIVED', 'ADJUSTED') AND ref_id = ANY($1::text[])
"""
_ORDERS = """
SELECT o.order_number FROM orders.orders o
JOIN unnest($1::text[], $2::timestamptz[]) AS asked(order_number, placed_at)
  ON asked.order_number = o.order_number AND asked.placed_at = o.placed_at
"""
_STATUSES = "SELECT status, count(*) FROM orders.orders WHERE order_number = ANY($1::text[]) GROUP BY status"


@dataclass(frozen=True)
class Known:
    """References of stock movements and numbers of orders that are there already."""

    references: frozenset[str] = frozenset()
    orders: frozenset[str] = frozenset()


async def known(dsn: str, references: Collection[str], orders: Collection[tuple[str, datetime]]) -> Known:
    """Which of these references and (order number, placed at) the read models hold. Raises `ImportStopped`."""
    numbers, times = [number for number, _ in orders], [at for _, at in orders]
    found_references = await _fetch(dsn, _REFERENCES, list(references)) if references else []
    found_orders = await _fetch(dsn, _ORDERS, numbers, times) if orders else []
    return Known(frozenset(row[0] for row in found_references), frozenset(row[0] for row in found_orders))


async def statuses(dsn: str, numbers: Collection[str]) -> dict[str, int]:
    """How many orders of these numbers the order history holds in each status. Raises `ImportStopped`."""
    return {row[0]: row[1] for row in await _fetch(dsn, _STATUSES, list(numbers))}


async def _fetch(dsn: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    attempts = AsyncRetrying(
        retry=retry_if_exception_type(_AWAY),
        stop=stop_after_delay(PATIENCE_SECONDS),
        wait=wait_exponential(0.1, max=2.0),
        reraise=True,
    )
    try:
        async for attempt in attempts:
            with attempt:
                connection = await asyncpg.connect(dsn, timeout=5)
                try:
                    rows: list[asyncpg.Record] = await connection.fetch(sql, *arguments)
                    return rows
                finally:
                    await connection.close()
    except _AWAY as error:
        raise ImportStopped(f"PostgreSQL does not answer ({error}); is it up? ./stockroom status") from error
    except asyncpg.UndefinedTableError as error:
        raise ImportStopped(f"the read models are not there yet ({error}); start all: ./stockroom up") from error
    raise AssertionError("unreachable: an attempt either returns or raises")
