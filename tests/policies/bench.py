"""What the tests of the runner stand on."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

import asyncpg

from domain.decider import Command
from domain.stock_commands import ReserveStock
from event_schemas.order import OrderPlaced
from event_schemas.record import LogRecord, Recorded
from event_schemas.record import recorded as decoded
from event_schemas.stock import Purpose, StockReservationRejected
from infra.cluster import describe
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import Settings
from policies.dead_letters.redrive import Redrive
from policies.policy import Policy
from policies.position_store import PositionStore
from policies.runner import Runner
from tests.support.cable import Cable
from tests.support.log import LogWriter

PARTITIONS = 2


def ask_for_a_reader(recorded: Recorded) -> Sequence[Command]:
    """Reserves what was ordered, for a loan: an answer that no policy of the product reacts to."""
    assert isinstance(recorded.event, OrderPlaced)
    return [
        ReserveStock(
            sku=line.sku,
            reservation_id=f"{recorded.event.order_id}/{line.line_id}",
            purpose=Purpose.LOAN,
            ref_id=recorded.event.order_id,
            quantity=line.quantity,
        )
        for line in recorded.event.lines
    ]


class Bench(NamedTuple):
    """A policy, its topic, and the way to run it."""

    settings: Settings
    postgres: asyncpg.Pool
    store: PositionStore
    policy: Policy
    writer: LogWriter
    cable: Cable
    runner: Callable[..., AbstractAsyncContextManager[Runner]]
    """By default of ``policy``; with another one of its name, of other code."""
    redrive: Redrive

    @property
    def topic(self) -> str:
        """The topic that the policy reads."""
        return self.writer.topic

    async def offsets(self) -> dict[int, int]:
        """The stored next offset of each partition."""
        rows = await self.postgres.fetch(
            "SELECT partition, next_offset FROM policies.offsets WHERE policy = $1", self.policy.name
        )
        return {row["partition"]: row["next_offset"] for row in rows}

    async def parked(self) -> list[tuple[int, str]]:
        """Offset and code of what is parked and copied to the dead-letter topic, in order."""
        rows = await self.postgres.fetch(
            "SELECT record_offset, error_code FROM policies.parked WHERE policy = $1 AND copied ORDER BY record_offset",
            self.policy.name,
        )
        return [(row["record_offset"], row["error_code"]) for row in rows]

    async def waiting(self) -> list[tuple[int, str]]:
        """Offset and code of what is parked, copied or not, in order."""
        rows = await self.postgres.fetch(
            "SELECT record_offset, error_code FROM policies.parked WHERE policy = $1 ORDER BY record_offset",
            self.policy.name,
        )
        return [(row["record_offset"], row["error_code"]) for row in rows]

    async def answers(self) -> list[str]:
        """The reservation ids that the stock has answered for this bench's orders, sorted, repeats included."""
        return sorted(await self.answered())

    async def answered(self) -> list[str]:
        """The same in the order in which the stock answered; for orders of one SKU."""
        return [
            event.reservation_id
            for event in [decoded(record).event for record in await self.records("stock") if _is_answer(record)]
            if isinstance(event, StockReservationRejected) and event.ref_id.startswith(self.topic)
        ]

    async def records(self, topic: str) -> list[LogRecord]:
        """Everything that counts in a topic of the product."""
        partitions = range((await describe(self.settings.bootstrap_servers, [topic])).partitions)
        start = {(topic, partition): START for partition in partitions}
        async with LogReader(self.settings.bootstrap_servers, start) as reader:
            return [record async for batch in reader.until(await reader.ends()) for record in batch.records]


def _is_answer(record: LogRecord) -> bool:
    return ("ce_type", b"stock.reservation_rejected.v1") in record.headers
