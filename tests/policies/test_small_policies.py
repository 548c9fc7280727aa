"""Initial stock and shortfalls, and the list of all policies."""

import pytest

from domain.order_commands import FlagOrder
from domain.stock_commands import ReceiveStock
from event_schemas.catalog import InitialStock, ProductAdded, ProductKind, Variant
from event_schemas.money import Money
from event_schemas.stock import Purpose, ReleaseReason, StockReleased
from policies.initial_stock import INITIAL_STOCK
from policies.registry import POLICIES
from policies.shortfall import SHORTFALL
from tests.support.policy_spec import when


def added(*stock: InitialStock) -> ProductAdded:
    price = Money(amount=255, currency="GBP")
    return ProductAdded(
        product_id="p1",
        kind=ProductKind.GOOD,
        name="Lantern",
        variants=(Variant(sku="A", price=price),),
        initial_stock=stock,
    )


def freed(reason: ReleaseReason, purpose: Purpose | None) -> StockReleased:
    return StockReleased(
        sku="A",
        reservation_id="r1",
        warehouse_id="MAIN",
        purpose=purpose,
        ref_id="order-1",
        quantity=2,
        reason=reason,
    )


def test_what_a_product_is_added_with_is_received_in_each_warehouse() -> None:
    stock = [InitialStock(sku="A", warehouse_id=name, quantity=n) for name, n in (("MAIN", 5), ("NORTH", 2))]
    when(INITIAL_STOCK, added(*stock)).then(
        ReceiveStock(sku="A", warehouse_id="MAIN", quantity=5, reference="initial:p1"),
        ReceiveStock(sku="A", warehouse_id="NORTH", quantity=2, reference="initial:p1"),
    )


def test_a_product_without_stock_receives_nothing() -> None:
    when(INITIAL_STOCK, added()).then_nothing()


def test_an_order_whose_goods_are_missing_is_flagged() -> None:
    when(SHORTFALL, freed(ReleaseReason.SHORTFALL, Purpose.SALE)).then(
        FlagOrder(order_id="order-1", reason="SHORTFALL", sku="A")
    )


@pytest.mark.parametrize(
    ("reason", "purpose"),
    [
        (ReleaseReason.CANCELLED, Purpose.SALE),
        (ReleaseReason.SHORTFALL, Purpose.LOAN),
        (ReleaseReason.SHORTFALL, None),
    ],
)
def test_no_other_release_flags_an_order(reason: ReleaseReason, purpose: Purpose | None) -> None:
    when(SHORTFALL, freed(reason, purpose)).then_nothing()


def test_each_policy_has_a_name_of_its_own_and_reads_the_topics_of_its_events() -> None:
    assert {policy.name: policy.topics for policy in POLICIES} == {
        "buy": ("orders", "stock"),
        "initial_stock": ("catalog",),
        "shortfall": ("stock",),
    }
