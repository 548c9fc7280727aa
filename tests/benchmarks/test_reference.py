"""The reference of the command benchmark does the work that an order is to the command API."""

from datetime import UTC, datetime

from benchmarks.reference.order import Order, new_order
from event_schemas.order import OrderLine, OrderPlaced


def test_the_references_event_has_the_fields_of_order_placed() -> None:
    """Its id is the aggregate's, which the package keeps in a column of its own."""
    (event,) = new_order(Order, 7, datetime.now(UTC)).collect_events()
    fields = OrderPlaced.model_fields.keys() - {"order_id"}
    assert fields <= vars(event).keys()
    assert vars(event)["lines"][0].keys() == OrderLine.model_fields.keys()
