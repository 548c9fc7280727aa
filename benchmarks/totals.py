"""Holds what queries answer after an import against the file and the log, both summed independently."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import asyncpg
from redis.asyncio import Redis

from benchmarks.figures import Figure
from benchmarks.stage import Stage
from event_schemas.order import OrderStatus
from event_schemas.topics import TOPICS
from infra.log_audit import LogAudit

LEVELS = """
SELECT sku, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved, sum(available)::bigint AS available
FROM stock.levels GROUP BY sku
"""


async def against_the_log(stage: Stage, log: LogAudit) -> list[Figure]:
    """Checks: orders, stock by SKU, best sellers of all time and the audit, against an independent fold of the log."""
    connection = await asyncpg.connect(stage.settings.dsn)
    try:
        levels = {row["sku"]: (row["on_hand"], row["reserved"]) for row in await connection.fetch(LEVELS)}
        statuses = await _pairs(connection, "SELECT order_id, status FROM orders.orders")
        sold = await _pairs(connection, "SELECT product_id, sum(quantity)::bigint FROM sales.sold_daily GROUP BY 1")
        audited = [await connection.fetchval(f"SELECT count(*) FROM audit.{topic.name}") for topic in TOPICS]
    finally:
        await connection.close()
    async with Redis.from_url(stage.settings.redis_address, decode_responses=True) as redis:
        generation = str(await redis.get("active:top_sellers"))
        top: Any = await redis.zrange(f"top_sellers:{generation}:top:sale:all", 0, -1, withscores=True)
    pieces = {product_id: count for product_id, count in log.sold.items() if count}
    return [
        Figure("orders are as the log says", statuses == log.statuses),
        Figure("stock is as the log says", levels == log.levels),
        Figure("sales are as the log says", {product: count for product, count in sold.items() if count} == pieces),
        Figure("top sellers are as the log says", dict(top) == pieces),
        Figure("the audit has every event once", sum(audited) == log.events),
    ]


async def _pairs(connection: asyncpg.Connection, sql: str) -> dict[str, Any]:
    return {row[0]: row[1] for row in await connection.fetch(sql)}


async def against_the_file(stage: Stage, log: LogAudit, sold: Counter[str], invoices: Collection[str]) -> list[Figure]:
    """Checks: orders, stock by SKU and the ten best sellers. The log must hold nothing but this file's import."""
    connection = await asyncpg.connect(stage.settings.dsn)
    try:
        levels = {
            row["sku"]: (row["on_hand"], row["reserved"], row["available"]) for row in await connection.fetch(LEVELS)
        }
        orders = await connection.fetch("SELECT order_id, order_number, status FROM orders.orders")
    finally:
        await connection.close()
    answer = await stage.query.get("/v1/top-sellers", params={"limit": 10})
    top = [(item["sku"], item["total_quantity_sold"]) for item in answer.raise_for_status().json()["items"]]
    same_pieces = [pieces for _, pieces in top] == [pieces for _, pieces in sold.most_common(10)]
    # What was received is what is sold and written off, and the write-offs are gone: nothing is left to sell.
    expected = {sku: (pieces, pieces, 0) for sku, pieces in sold.items()}
    left_over = {sku: level for sku, level in levels.items() if sku not in expected}
    return [
        Figure("versions are dense and nothing is there twice", True),
        Figure("invoices of the file that sell something", len(invoices)),
        Figure("each is one order, and it is confirmed",
               {row["order_number"]: row["status"] for row in orders} == dict.fromkeys(invoices, "CONFIRMED")),
        Figure("orders are as the log says", {row["order_id"]: row["status"] for row in orders} == log.statuses),
        Figure("none is pending", OrderStatus.PENDING not in log.statuses.values()),
        Figure("SKUs that the file sells", len(sold)),
        Figure("on hand, reserved and available of each are the file's sums",
               {sku: levels.get(sku) for sku in expected} == expected),
        Figure("of every other SKU nothing is available", all(level == (0, 0, 0) for level in left_over.values())),
        Figure("stock is as the log says", {sku: level[:2] for sku, level in levels.items()} == log.levels),
        Figure("the ten best sellers are the file's",
               same_pieces and all(pieces == sold[sku] for sku, pieces in top)),
        Figure("the best", ", ".join(f"{sku} {pieces:,}" for sku, pieces in top[:3])),
    ]  # fmt: skip
