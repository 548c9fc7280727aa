"""The deadline of an order, in the writer that owns it, with a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from command_api.intent import Answer, Intent
from command_api.refusals import Refused
from command_api.writer.key_window import KeyWindow
from command_api.writer.partition_writer import PartitionWriter
from domain.decider import Command
from domain.order import ORDER
from domain.order_commands import CancelOrder, PlaceOrder
from event_schemas.envelope import from_headers
from event_schemas.holder import NOBODY, Verdict, judge
from event_schemas.money import Money
from event_schemas.order import OrderLine, OrderStatus
from tests.contract.memory_log import MemoryLog, SharedLog
from tests.contract.memory_snapshots import snapshots_of
from tests.support.poll import until

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def placed(order_id: str, expires_at: datetime | None) -> PlaceOrder:
    price = Money(amount=100, currency="USD")
    line = OrderLine(
        line_id="1", product_id="p", sku="A", name="A thing", quantity=1, unit_price=price, line_total=price
    )
    return PlaceOrder(order_id=order_id, order_number=order_id, placed_at=NOON, lines=(line,), expires_at=expires_at)


class Owner:
    """The owner of a partition of orders, its log, what is lost on the way, and its clock."""

    def __init__(self) -> None:
        self.now = NOON
        self.shared = SharedLog()
        self.lost: list[str] = []
        self.start()

    def start(self) -> None:
        log = MemoryLog(self.shared, loses=lambda: self.lost.pop(0) if self.lost else "nothing")
        self.writer = PartitionWriter(log, ORDER, KeyWindow(24, 100), snapshots_of(), clock=lambda: self.now)
        self.task = asyncio.create_task(self.writer.run())

    async def stop(self) -> None:
        self.writer.stop()
        await asyncio.wait_for(self.task, 20)

    async def do(self, command: Command, key: str) -> Answer:
        return await asyncio.wait_for(self.writer.submit(Intent(command, key, "f", "user:1", key, key)), 20)

    def events(self) -> list[tuple[str, str, str]]:
        """Type, actor and story of every event that counts."""
        holder, told = NOBODY, []
        for record in self.shared.records:
            holder, verdict = judge(holder, record.headers)
            if verdict is Verdict.COUNTS:
                envelope = from_headers(record.headers)
                told.append((envelope.type, envelope.actor, envelope.correlation_id))
        return told

    async def fired(self, count: int) -> None:
        """Look at the deadlines, as the writers do now and then, until the log holds so many events."""

        async def look() -> int:
            self.writer.tick()
            return len(self.events())

        await until(look, lambda events: events >= count)

    def status(self, order_id: str) -> OrderStatus | None:
        status: OrderStatus | None = self.writer.acknowledged(order_id).state.status
        return status


@pytest.fixture
async def owner() -> AsyncIterator[Owner]:
    made = Owner()
    yield made
    await made.stop()


async def test_an_order_whose_deadline_passes_expires_once_and_in_its_story(owner: Owner) -> None:
    await owner.do(placed("o1", NOON + timedelta(minutes=15)), "k1")
    owner.now = NOON + timedelta(minutes=14)
    owner.writer.tick()
    await owner.do(placed("o2", None), "k2")
    assert owner.status("o1") is OrderStatus.PENDING
    owner.now = NOON + timedelta(minutes=15)
    await owner.fired(3)
    owner.writer.tick()
    await owner.do(placed("o3", None), "k3")
    assert owner.events()[2] == ("order.expired.v1", "system:timer", "k1")
    assert [kind for kind, _, _ in owner.events()].count("order.expired.v1") == 1
    assert owner.status("o1") is OrderStatus.EXPIRED


async def test_the_deadline_of_a_closed_order_does_nothing(owner: Owner) -> None:
    await owner.do(placed("o1", NOON + timedelta(minutes=1)), "k1")
    await owner.do(CancelOrder(order_id="o1"), "k2")
    owner.now = NOON + timedelta(minutes=2)
    owner.writer.tick()
    await owner.do(placed("o2", None), "k3")
    assert [kind for kind, _, _ in owner.events()] == ["order.placed.v1", "order.cancelled.v1", "order.placed.v1"]


async def test_cancelling_an_expired_order_is_refused_and_the_partition_goes_on(owner: Owner) -> None:
    await owner.do(placed("o1", NOON + timedelta(minutes=1)), "k1")
    owner.now = NOON + timedelta(minutes=2)
    await owner.fired(2)
    with pytest.raises(Refused) as refused:
        await owner.do(CancelOrder(order_id="o1"), "k2")
    assert (refused.value.status, refused.value.code) == (409, "order_closed")
    assert refused.value.members["order_status"] is OrderStatus.EXPIRED
    assert (await owner.do(placed("o2", None), "k3")).version == 1


async def test_a_new_owner_knows_the_deadlines_from_the_log(owner: Owner) -> None:
    await owner.do(placed("o1", NOON + timedelta(minutes=1)), "k1")
    await owner.stop()
    owner.start()
    owner.now = NOON + timedelta(minutes=2)
    await owner.fired(2)
    assert owner.events()[1] == ("order.expired.v1", "system:timer", "k1")


@pytest.mark.parametrize("lost", ["request", "answer"])
async def test_an_expiry_whose_outcome_is_unknown_happens_once_all_the_same(owner: Owner, lost: str) -> None:
    await owner.do(placed("o1", NOON + timedelta(minutes=1)), "k1")
    owner.now = NOON + timedelta(minutes=2)
    owner.lost = [lost]
    await owner.fired(2)
    owner.writer.tick()
    await owner.do(placed("o2", None), "k2")
    assert [kind for kind, _, _ in owner.events()].count("order.expired.v1") == 1
    assert owner.status("o1") is OrderStatus.EXPIRED
