"""What a snapshot gives back: an equal state, or a refusal of what no state was ever dumped to."""

from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.decider import Decider
from domain.order import ORDER
from domain.order_commands import FlagOrder
from domain.product import PRODUCT, Product
from domain.product_commands import ChangePrice, DescribeProduct, ProductCommand, ReviseProduct, WithdrawProduct
from domain.stock_item import STOCK_ITEM
from domain.stock_item_state import REMEMBERED_CLOSURES
from domain.voided import VOIDED_RECORD
from domain.words import Price
from event_schemas.catalog import ProductAdded
from event_schemas.order import OrderFlagged, OrderStockRecorded
from event_schemas.stock import Purpose, ReleaseReason, StockReceived, StockReleased, StockReserved
from tests.support.any_event import any_of
from tests.support.orders import EXPIRES_AT, ORDER_ID, placed, refused, reserved
from tests.support.reloaded import decided, reloaded
from tests.support.spec import given

DECIDERS: tuple[Decider[Any], ...] = (PRODUCT, STOCK_ITEM, ORDER, VOIDED_RECORD)
REFUSALS = (ValueError, TypeError, KeyError, IndexError)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=11) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def mark(number: int) -> StockReleased:
    """The ledger notes that a reservation is not to be made any more."""
    return StockReleased(sku="A", reservation_id=f"r{number}", quantity=0, reason=ReleaseReason.CANCELLED)


def promise(number: int) -> StockReserved:
    return StockReserved(
        sku="A",
        reservation_id=f"p{number}",
        purpose=Purpose.PICKUP,
        ref_id=f"o{number}",
        warehouse_id="MAIN",
        quantity=1,
    )


ORDER_STATE = given(
    ORDER,
    placed(("A", 2), ("B", 1), ("A", 3), payment_method="CARD", expires_at=EXPIRES_AT),
    OrderStockRecorded(order_id=ORDER_ID, results=(reserved("A"), refused("B"))),
    OrderFlagged(order_id=ORDER_ID, reason="SHORTFALL", sku="A"),
    OrderFlagged(order_id=ORDER_ID, reason="LOOK"),
).state
LEDGER = given(
    STOCK_ITEM,
    StockReceived(sku="A", warehouse_id="MAIN", quantity=9, reference="initial:p"),
    StockReceived(sku="A", warehouse_id="NORTH", quantity=2),
    promise(1),
    promise(2),
    promise(3),
    mark(1),
    StockReleased(sku="A", reservation_id="p3", warehouse_id="MAIN", quantity=1, reason=ReleaseReason.EXPIRED),
    mark(2),
).state
PRODUCTS = st.builds(Product, any_of(ProductAdded) | st.none(), st.booleans())
CHANGES: list[ProductCommand] = [
    DescribeProduct(product_id="p", name="Lamp", description="Bright"),
    ChangePrice(product_id="p", new_price=Price(amount=300, currency="GBP")),
    ReviseProduct(product_id="p", name="Lamp", new_price=Price(amount=300, currency="GBP")),
    WithdrawProduct(product_id="p"),
]


@pytest.mark.parametrize("decider", DECIDERS, ids=lambda decider: decider.topic)
def test_an_aggregate_that_never_was_comes_back_as_such(decider: Decider[Any]) -> None:
    assert reloaded(decider, decider.initial) == decider.initial


@for_all(PRODUCTS)
def test_a_product_comes_back_with_every_field_and_goes_on_the_same(state: Product) -> None:
    copy = reloaded(PRODUCT, state)
    assert copy == state
    for command in CHANGES:
        assert decided(PRODUCT, copy, command) == decided(PRODUCT, state, command)


def test_an_order_comes_back_with_lines_results_flags_and_deadline() -> None:
    copy = reloaded(ORDER, ORDER_STATE)
    assert copy == ORDER_STATE
    assert set(copy.flags) == {("SHORTFALL", "A"), ("LOOK", None)}
    again = FlagOrder(order_id=ORDER_ID, reason="LOOK")
    assert ORDER.decide(copy, again) == []


def test_a_deadline_without_a_time_zone_is_refused_since_timers_could_not_compare_it() -> None:
    order = ORDER.dump(ORDER_STATE._replace(expires_at=EXPIRES_AT.replace(tzinfo=None)))
    with pytest.raises(ValueError, match="time zone"):
        ORDER.load(order)


def test_a_ledger_comes_back_with_promises_marks_and_initial_receipts() -> None:
    copy = reloaded(STOCK_ITEM, LEDGER)
    assert copy == LEDGER
    assert dict(copy.closed) == {"r1": False, "p3": True, "r2": False}


def test_a_ledger_from_a_snapshot_forgets_its_oldest_closures_first() -> None:
    state = STOCK_ITEM.fold(mark(number) for number in range(REMEMBERED_CLOSURES + 10))
    copy = reloaded(STOCK_ITEM, state)
    assert copy == state
    more = [mark(number) for number in range(REMEMBERED_CLOSURES + 10, REMEMBERED_CLOSURES + 15)]
    assert STOCK_ITEM.fold(more, copy) == STOCK_ITEM.fold(more, state)
    assert set(copy.closed) - set(STOCK_ITEM.fold(more, copy).closed) == {f"r{number}" for number in range(10, 15)}


@for_all(st.sampled_from(DECIDERS), JSON)
def test_what_was_never_dumped_is_refused(decider: Decider[Any], value: Any) -> None:
    refused_or_faithful(decider, value)


@for_all(st.sampled_from([(ORDER, ORDER_STATE), (STOCK_ITEM, LEDGER)]), st.data())
def test_a_dump_that_was_changed_anywhere_is_refused_or_is_the_dump_of_another_state(
    whole: tuple[Decider[Any], Any], data: st.DataObject
) -> None:
    decider, state = whole
    changed = decider.dump(state)
    place: Any = changed
    while True:
        index = data.draw(st.integers(0, len(place) - 1))
        if not (isinstance(place[index], list) and place[index] and data.draw(st.booleans())):
            break
        place = place[index]
    match data.draw(st.sampled_from(["replace", "remove", "repeat"])):
        case "replace":
            place[index] = data.draw(JSON)
        case "remove":
            del place[index]
        case "repeat":
            place.insert(index, place[index])
    refused_or_faithful(decider, changed)


def refused_or_faithful(decider: Decider[Any], value: Any) -> None:
    """Nothing is taken for something else: what a state is loaded from is what it is dumped to."""
    try:
        state = decider.load(value)
    except REFUSALS:
        return
    assert in_any_order(decider.dump(state)) == in_any_order(value)


def in_any_order(value: Any) -> Any:
    """With the items of every list sorted, as the entries of a map come in any order; the type counts."""
    if isinstance(value, list):
        return sorted(map(in_any_order, value), key=repr)
    return type(value).__name__, value
