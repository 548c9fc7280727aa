"""What the audit of the log makes of the events of orders."""

import pytest

from event_schemas.event import Event
from event_schemas.order import OrderCancelled, OrderConfirmed, OrderExpired, OrderRejected
from infra.log_audit import LogAudit, Unsound
from tests.support.orders import ORDER_ID, PLACED_AT, placed, sold
from tests.support.recorded import recorded

CONFIRMED = OrderConfirmed(order_id=ORDER_ID, placed_at=PLACED_AT, lines=sold(("A", 3)))
REJECTED = OrderRejected(order_id=ORDER_ID, reason="OUT_OF_STOCK", placed_at=PLACED_AT)
CANCELLED = OrderCancelled(order_id=ORDER_ID, reason="x", cancelled_by="staff:x", placed_at=PLACED_AT)
EXPIRED = OrderExpired(order_id=ORDER_ID, placed_at=PLACED_AT)


def audited(*events: Event) -> LogAudit:
    found = LogAudit()
    for sequence, event in enumerate(events, start=1):
        one = recorded(event)
        found.take(one._replace(envelope=one.envelope._replace(subject=ORDER_ID, sequence=sequence)))
    return found


@pytest.mark.parametrize(
    ("settled", "status"),
    [(CONFIRMED, "CONFIRMED"), (REJECTED, "REJECTED"), (CANCELLED, "CANCELLED"), (EXPIRED, "EXPIRED")],
)
def test_an_order_has_the_status_that_its_events_give_it(settled: Event, status: str) -> None:
    assert audited(placed(("A", 3))).statuses == {ORDER_ID: "PENDING"}
    assert audited(placed(("A", 3)), settled).statuses == {ORDER_ID: status}


@pytest.mark.parametrize("settled", [CONFIRMED, REJECTED, CANCELLED, EXPIRED])
def test_an_order_that_is_settled_cannot_expire(settled: Event) -> None:
    with pytest.raises(Unsound, match="became EXPIRED"):
        audited(placed(("A", 3)), settled, EXPIRED)


def test_an_order_that_expired_cannot_be_confirmed() -> None:
    with pytest.raises(Unsound, match="became CONFIRMED"):
        audited(placed(("A", 3)), EXPIRED, CONFIRMED)
