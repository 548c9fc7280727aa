"""Any history of commands on an order: it settles exactly once, and repeats change nothing."""

from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.order import ORDER, Order, demands
from domain.order_commands import AnyOrderCommand, CancelOrder, FlagOrder, PlaceOrder, RecordStock, RejectOrder
from domain.rejected import Rejected
from event_schemas.event import Event
from event_schemas.order import (
    OrderCancelled,
    OrderConfirmed,
    OrderPlaced,
    OrderRejected,
    OrderRejection,
    OrderStatus,
    OrderStockRecorded,
    Outcome,
)
from tests.support.orders import ORDER_ID, lines, place, refused, reserved

SKUS = st.sampled_from(["A", "B", "C"])
DEMANDS = st.lists(st.tuples(SKUS, st.integers(1, 5)), min_size=1, max_size=5)
RESULTS = st.builds(lambda sku, good: reserved(sku) if good else refused(sku), SKUS, st.booleans())
COMMANDS = st.one_of(
    st.lists(RESULTS, min_size=1, max_size=3).map(lambda r: RecordStock(order_id=ORDER_ID, results=tuple(r))),
    st.just(CancelOrder(order_id=ORDER_ID)),
    st.just(RejectOrder(order_id=ORDER_ID, reason=OrderRejection.OUT_OF_STOCK)),
    st.builds(FlagOrder, order_id=st.just(ORDER_ID), reason=st.just("SHORTFALL"), sku=SKUS),
)


def carry_out(state: Order, command: AnyOrderCommand) -> list[Event]:
    try:
        return list(ORDER.decide(state, command))
    except Rejected:
        return []


@for_all(DEMANDS, st.lists(COMMANDS, max_size=15))
def test_an_order_settles_once_and_repeats_change_nothing(
    wanted: list[tuple[str, int]], commands: list[AnyOrderCommand]
) -> None:
    history: list[Event] = []
    state = ORDER.initial
    first: PlaceOrder = place(*wanted)
    for command in [first, *commands]:
        events = carry_out(state, command)
        state = ORDER.fold(events, state)
        history += events
        assert carry_out(state, command) == []
    assert len([event for event in history if isinstance(event, OrderPlaced)]) == 1
    settling = [event for event in history if isinstance(event, OrderConfirmed | OrderRejected)]
    assert len(settling) + (state.status is OrderStatus.CANCELLED and not settling) <= 1
    assert ORDER.fold(history) == state


@for_all(DEMANDS, st.lists(COMMANDS, max_size=15))
def test_every_promise_to_an_order_that_does_not_stand_is_given_back(
    wanted: list[tuple[str, int]], commands: list[AnyOrderCommand]
) -> None:
    history: list[Event] = []
    state = ORDER.initial
    for command in [place(*wanted), *commands]:
        events = carry_out(state, command)
        state = ORDER.fold(events, state)
        history += events
    given_back = {
        ref.sku
        for event in history
        if isinstance(event, OrderRejected | OrderCancelled | OrderStockRecorded)
        for ref in event.to_release
    }
    promised = {sku for sku, (outcome, _) in state.results.items() if outcome == Outcome.RESERVED}
    if state.status in {OrderStatus.REJECTED, OrderStatus.CANCELLED}:
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
