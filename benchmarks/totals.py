"""Holds what queries answer after an import against the file and the log, both summed independently."""

from collections import Counter
from collections.abc import Collection

import asyncpg

from benchmarks.figures import Figure
from benchmarks.stage import Stage
from event_schemas.order import OrderStatus
from infra.log_audit import LogAudit

LEVELS = """
SELECT sku, sum(on_hand)::bigint AS on_hand, sum(reserved)::bigint AS reserved, sum(available)::bigint AS available
FROM stock.levels GROUP BY sku
"""


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
