"""Any history of commands on an order: it settles exactly once, repeats change nothing, and a snapshot continues it."""

from datetime import datetime, timedelta, timezone

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.order import ORDER
from domain.order_commands import (
    AnyOrderCommand,
    CancelOrder,
    ExpireOrder,
    FlagOrder,
    PlaceOrder,
    RecordStock,
    RejectOrder,
)
from domain.order_state import Order, demands
from domain.rejected import Rejected
from event_schemas.event import Event
from event_schemas.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderExpired,
    OrderPlaced,
    OrderRejected,
    OrderRejection,
    OrderStatus,
    OrderStockRecorded,
    Outcome,
)
from tests.support.orders import EXPIRES_AT, ORDER_ID, lines, place, refused, reserved
from tests.support.reloaded import decided, reloaded

SKUS = st.sampled_from(["A", "B", "C"])
DEMANDS = st.lists(st.tuples(SKUS, st.integers(1, 5)), min_size=1, max_size=5)
RESULTS = st.builds(lambda sku, good: reserved(sku) if good else refused(sku), SKUS, st.booleans())
COMMANDS = st.one_of(
    st.lists(RESULTS, min_size=1, max_size=3).map(lambda r: RecordStock(order_id=ORDER_ID, results=tuple(r))),
    st.just(CancelOrder(order_id=ORDER_ID)),
    st.just(RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK)),
    st.sampled_from([EXPIRES_AT, EXPIRES_AT + timedelta(minutes=5)]).map(
        lambda at: ExpireOrder(order_id=ORDER_ID, expires_at=at)
    ),
    st.builds(FlagOrder, order_id=st.just(ORDER_ID), reason=st.just("SHORTFALL"), sku=SKUS),
)
ORDERS = st.builds(
    lambda wanted, payment_method, expires_at: place(*wanted, payment_method=payment_method, expires_at=expires_at),
    DEMANDS,
    st.sampled_from([None, "CARD"]),
    st.sampled_from([None, EXPIRES_AT]),
)
OFFSETS = st.integers(-840, 840).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1901, 1, 1), datetime(2199, 1, 1), timezones=OFFSETS)
"""Times as the log has them: microseconds, and any offset from UTC."""


def carry_out(state: Order, command: AnyOrderCommand) -> list[Event]:
    try:
        return list(ORDER.decide(state, command))
    except Rejected:
        return []


@for_all(ORDERS, st.lists(COMMANDS, max_size=15))
def test_an_order_settles_once_and_repeats_change_nothing(first: PlaceOrder, commands: list[AnyOrderCommand]) -> None:
    history: list[Event] = []
    state = ORDER.initial
    for command in [first, *commands]:
        events = carry_out(state, command)
        state = ORDER.fold(events, state)
        history += events
        assert carry_out(state, command) == []
    assert len([event for event in history if isinstance(event, OrderPlaced)]) == 1
    settling = [event for event in history if isinstance(event, OrderConfirmed | OrderRejected | OrderExpired)]
    assert len(settling) + (state.status is OrderStatus.CANCELLED and not settling) <= 1
    assert ORDER.fold(history) == state


@for_all(ORDERS, st.lists(COMMANDS, max_size=15))
def test_every_promise_to_an_order_that_does_not_stand_is_given_back(
    first: PlaceOrder, commands: list[AnyOrderCommand]
) -> None:
    history: list[Event] = []
    state = ORDER.initial
    for command in [first, *commands]:
        events = carry_out(state, command)
        state = ORDER.fold(events, state)
        history += events
    given_back = {
        ref.sku
        for event in history
        if isinstance(event, OrderRejected | OrderCancelled | OrderExpired | OrderStockRecorded)
        for ref in event.to_release
    }
    promised = {sku for sku, (outcome, _) in state.results.items() if outcome == Outcome.RESERVED}
    if state.status in {OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}:
        assert promised <= given_back
    else:
        assert not given_back


@for_all(DEMANDS)
def test_an_order_is_confirmed_when_every_sku_has_promised_all_of_its_lines_together(
    wanted: list[tuple[str, int]],
) -> None:
    asked = demands((line.sku, line.quantity) for line in lines(*wanted))
    assert sum(asked.values()) == sum(quantity for _, quantity in wanted)
    state = ORDER.fold(ORDER.decide(ORDER.initial, place(*wanted)))
    for number, sku in enumerate(asked, start=1):
        state = ORDER.fold(ORDER.decide(state, RecordStock(order_id=ORDER_ID, results=(reserved(sku),))), state)
        assert (state.status is OrderStatus.CONFIRMED) == (number == len(asked))


@for_all(ORDERS, st.lists(COMMANDS, max_size=15))
def test_an_order_is_never_both_confirmed_and_expired_and_expires_only_by_its_own_deadline(
    first: PlaceOrder, commands: list[AnyOrderCommand]
) -> None:
    state = ORDER.fold(carry_out(ORDER.initial, first))
    seen = set()
    for command in commands:
        pending = state.status is OrderStatus.PENDING
        events = carry_out(state, command)
        state = ORDER.fold(events, state)
        seen.add(state.status)
        expired = any(isinstance(event, OrderExpired) for event in events)
        assert expired == (pending and isinstance(command, ExpireOrder) and command.expires_at == first.expires_at)
        assert (ORDER.due(state) is None) == (state.status is not OrderStatus.PENDING or first.expires_at is None)
    assert not {OrderStatus.CONFIRMED, OrderStatus.EXPIRED} <= seen


@for_all(ORDERS, TIMES, st.none() | TIMES, st.lists(COMMANDS, max_size=15))
def test_an_order_from_a_snapshot_is_the_same_and_goes_on_the_same(
    first: PlaceOrder, placed_at: datetime, expires_at: datetime | None, commands: list[AnyOrderCommand]
) -> None:
    first = first.model_copy(update={"placed_at": placed_at, "expires_at": expires_at})
    timer = [ExpireOrder(order_id=ORDER_ID, expires_at=expires_at)] if expires_at is not None else []
    state = ORDER.initial
    for command in [first, *commands, *timer]:
        copy = reloaded(ORDER, state)
        assert copy == state
        assert ORDER.due(copy) == ORDER.due(state)
        assert decided(ORDER, copy, command) == decided(ORDER, state, command)
        state = ORDER.fold(carry_out(copy, command), copy)
