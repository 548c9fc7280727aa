"""Order history by hand: `python -m benchmarks.by_hand SHARE` reads some partitions and copies their rows, no more.

This is what somebody writes who needs the rows once and forgoes all that the product proves and survives: aiokafka,
headers as a dict, orjson, COPY of rows whose order is settled. It makes the product's rows from the product's events.
"""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

TABLES = ("orders", "lines", "timeline")
CHUNK = 20_000
"""Rows of the timeline that are copied at once, with those of the other tables."""
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Share:
    """What one process does. The tables are there, without keys."""

    servers: str
    dsn: str
    topic: str
    schema: str
    partitions: tuple[int, ...]

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))


class Rows:
    """Rows to copy, and the orders that wait for their confirmation."""

    def __init__(self) -> None:
        self.tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        self._open: dict[str, Row] = {}

    def add(self, headers: dict[str, bytes], value: bytes, appended_ms: int) -> None:
        """The rows of one event of an order that was placed or confirmed; other records have none."""
        name = headers["ce_type"]
        if name not in {b"order.placed.v1", b"order.confirmed.v1"}:
            return
        event = orjson.loads(value)
        order_id, lines = event.pop("order_id"), event.pop("lines")
        at, version = datetime.fromisoformat(headers["ce_time"].decode()), int(headers["ce_sequence"])
        if name == b"order.placed.v1":
            total = event["total"]
            self._open[order_id] = (
                event["order_number"],
                event.get("user_id"),
                datetime.fromisoformat(event["placed_at"]),
                event.get("country"),
                event.get("payment_method"),
                total["currency"],
                event["subtotal"]["amount"],
                total["amount"],
                len(lines),
                sum(line["quantity"] for line in lines),
            )
            self.tables["lines"] += [
                (
                    order_id,
                    number,
                    line["line_id"],
                    line["product_id"],
                    line["sku"],
                    line["name"],
                    line["quantity"],
                    line["unit_price"]["amount"],
                    line["line_total"]["amount"],
                    line["line_total"]["currency"],
                )
                for number, line in enumerate(lines, 1)
            ]
        else:
            settled = (order_id, "CONFIRMED", None, None, event.get("payment_id"), at, None, "[]", version, at)
            self.tables["orders"].append(settled + self._open.pop(order_id))
        event["lines_count"] = len(lines)
        self.tables["timeline"].append(
            (
                order_id,
                version,
                name.decode().removesuffix(".v1"),
                headers["ce_actor"].decode(),
                at,
                datetime.fromtimestamp(appended_ms / 1000, UTC),
                headers["ce_id"].decode(),
                orjson.dumps(event).decode(),
            )
        )


async def run(share: Share) -> None:
    """Copy the rows of all events that the log holds at the start."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=share.servers, enable_auto_commit=False, max_partition_fetch_bytes=8 * 1024 * 1024
    )
    connection = await asyncpg.connect(share.dsn, server_settings={"synchronous_commit": "off"})
    await consumer.start()
    try:
        places = [TopicPartition(share.topic, number) for number in share.partitions]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        left = {place for place, end in ends.items() if end}
        rows = Rows()
        while left:
            for place, records in (await consumer.getmany(*left, timeout_ms=200, max_records=10_000)).items():
                for record in records:
                    rows.add(dict(record.headers), record.value, record.timestamp)
                if records[-1].offset + 1 >= ends[place]:
                    left.remove(place)
            if len(rows.tables["timeline"]) >= CHUNK or not left:
                for name, found in rows.tables.items():
                    await connection.copy_records_to_table(name, schema_name=share.schema, records=found)
                    found.clear()
    finally:
        await consumer.stop()
        await connection.close()


if __name__ == "__main__":
    content = json.loads(sys.argv[1])
    uvloop.run(run(Share(**{**content, "partitions": tuple(content["partitions"])})))
