"""The saga with the deciders of orders and stock, in memory, under deliveries that repeat and group as they like."""

from collections import defaultdict
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.decider import Command, Decider
from domain.order import ORDER
from domain.order_commands import CancelOrder
from domain.order_state import Order, demands
from domain.rejected import Rejected
from domain.stock_commands import CountStock, ReceiveStock
from domain.stock_item import STOCK_ITEM
from domain.stock_item_state import StockItem
from event_schemas.order import OrderStatus
from event_schemas.record import Recorded
from event_schemas.stock import Purpose, ReleaseReason, StockReleased
from policies.buy import BUY
from policies.registry import POLICIES
from tests.support.orders import EXPIRES_AT, ORDER_ID, place
from tests.support.policy_spec import intents
from tests.support.recorded import recorded

SKUS = ["A", "B", "C"]
DECIDERS: dict[str, Decider[Any]] = {"orders": ORDER, "stock": STOCK_ITEM}
DEMANDS = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 4)), min_size=1, max_size=4)


class Shop:
    """All aggregates, a log a topic, and how far each policy has read each: a read may go back, never forward alone."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], Any] = {}
        self.logs: dict[str, list[Recorded]] = defaultdict(list)
        self.read: dict[tuple[str, str], int] = defaultdict(int)

    def carry_out(self, command: Command) -> None:
        topic, decider = command.topic, DECIDERS[command.topic]
        key = topic, command.aggregate_id
        state = self.states.get(key, decider.initial)
        try:
            events = decider.decide(state, command)
        except Rejected:
            return
        self.states[key] = decider.fold(events, state)
        self.logs[topic] += [recorded(event) for event in events]
        for name, state in self.states.items():
            assert name[0] != "stock" or all(level.available >= 0 for level in state.levels.values())

    def pass_deadline(self, order_id: str) -> None:
        """An order's deadline passes, if it has one: what is due then is carried out, twice as a timer may."""
        due = ORDER.due(self.states.get(("orders", order_id), ORDER.initial))
        if due is not None:
            self.carry_out(due.command)
            self.carry_out(due.command)

    def deliver(self, reader: int, take: int, again: int) -> None:
        """A policy reads up to ``take`` events from ``again`` before where it was; its commands are carried out."""
        readers = [(policy, topic) for policy in POLICIES for topic in policy.topics if topic in DECIDERS]
        policy, topic = readers[reader % len(readers)]
        start = max(0, self.read[policy.name, topic] - again)
        part = self.logs[topic][start : start + take]
        self.read[policy.name, topic] = max(self.read[policy.name, topic], start + len(part))
        for intent in intents(policy, part):
            self.carry_out(intent.command)

    def settle(self) -> None:
        """Deliver what is left, until nobody has anything to read."""
        for _ in range(200):
            before = {topic: len(log) for topic, log in self.logs.items()}, dict(self.read)
            for reader in range(5):
                self.deliver(reader, 10_000, 0)
            if before == ({topic: len(log) for topic, log in self.logs.items()}, dict(self.read)):
                return
        raise AssertionError("the saga never comes to rest")

    @property
    def orders(self) -> list[Order]:
        return [state for (topic, _), state in self.states.items() if topic == "orders"]


STEPS = st.one_of(
    st.tuples(st.just("place"), DEMANDS),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("expire"), st.integers(0, 5)),
    st.tuples(st.just("receive"), st.sampled_from(SKUS), st.integers(1, 6)),
    st.tuples(st.just("count"), st.sampled_from(SKUS), st.integers(0, 6)),
    st.tuples(st.just("deliver"), st.integers(0, 4), st.integers(1, 6), st.integers(0, 4)),
)


def play(steps: list[tuple[Any, ...]], *, counts: bool) -> Shop:
    shop = Shop()
    number = 0
    for step in steps:
        match step:
            case ("place", wanted):
                shop.carry_out(place(*wanted, order_id=f"order-{number}", expires_at=EXPIRES_AT))
                number += 1
            case ("cancel", which):
                shop.carry_out(CancelOrder(order_id=f"order-{which}"))
            case ("expire", which):
                shop.pass_deadline(f"order-{which}")
            case ("receive", sku, quantity):
                shop.carry_out(ReceiveStock(sku=sku, quantity=quantity))
            case ("count", sku, quantity) if counts:
                shop.carry_out(CountStock(sku=sku, counted_quantity=quantity))
            case ("deliver", reader, take, again):
                shop.deliver(reader, take, again)
    shop.settle()
    return shop


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_however_deliveries_repeat_and_group_every_order_settles_and_holds_exactly_its_goods(
    steps: list[tuple[Any, ...]],
) -> None:
    shop = play(steps, counts=False)
    held: dict[str, int] = defaultdict(int)
    for order in shop.orders:
        assert order.status in set(OrderStatus) - {OrderStatus.PENDING}
        if order.status is OrderStatus.CONFIRMED:
            for sku, quantity in demands((line.sku, line.quantity) for line in order.lines).items():
                held[sku] += quantity
    reserved = {sku: sum(level.reserved for level in state.levels.values()) for sku, state in _stock(shop)}
    assert {sku: quantity for sku, quantity in reserved.items() if quantity} == held


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_an_order_whose_goods_a_count_showed_to_be_missing_is_flagged(steps: list[tuple[Any, ...]]) -> None:
    shop = play(steps, counts=True)
    open_promises = {r.ref_id: sku for sku, state in _stock(shop) for r in state.reservations.values()}
    promised = {(r.ref_id, sku) for sku, state in _stock(shop) for r in state.reservations.values()}
    assert all(r.purpose is Purpose.SALE for _, state in _stock(shop) for r in state.reservations.values())
    for order in shop.orders:
        assert order.status is not OrderStatus.PENDING
        if order.status is OrderStatus.CONFIRMED:
            for sku in order.demands:
                assert (order.order_id, sku) in promised or ("SHORTFALL", sku) in order.flags
        else:
            assert order.order_id not in open_promises


def test_goods_promised_to_an_order_that_is_never_paid_are_for_sale_again_after_its_deadline() -> None:
    shop = Shop()
    shop.carry_out(ReceiveStock(sku="A", quantity=1))
    shop.carry_out(place(("A", 1), payment_method="CARD", expires_at=EXPIRES_AT))
    shop.settle()
    ((_, promised),) = _stock(shop)
    assert promised.available == 0
    shop.pass_deadline(ORDER_ID)
    shop.settle()
    ((_, freed),) = _stock(shop)
    assert freed.available == 1
    assert [order.status for order in shop.orders] == [OrderStatus.EXPIRED]
    released = [one.event for one in shop.logs["stock"] if isinstance(one.event, StockReleased)]
    assert [(event.quantity, event.reason) for event in released] == [(1, ReleaseReason.EXPIRED)]


def test_a_promise_that_comes_after_the_deadline_is_refused_by_the_ledger() -> None:
    shop = Shop()
    shop.carry_out(ReceiveStock(sku="A", quantity=1))
    shop.carry_out(place(("A", 1), expires_at=EXPIRES_AT))
    shop.pass_deadline(ORDER_ID)
    for intent in intents(BUY, shop.logs["orders"][::-1]):
        shop.carry_out(intent.command)
    shop.settle()
    ((_, ledger),) = _stock(shop)
    assert (ledger.available, len(ledger.reservations)) == (1, 0)
    assert [order.status for order in shop.orders] == [OrderStatus.EXPIRED]


def _stock(shop: Shop) -> list[tuple[str, StockItem]]:
    return [(key, state) for (topic, key), state in shop.states.items() if topic == "stock"]
