"""Read model `order_history`: orders with status and totals, their lines, and a timeline with one row an event.

Names, prices and the currency are those that were frozen when the order was placed. Personal data is not kept here.
"""

from collections.abc import Sequence

from event_schemas.record import Recorded
from event_schemas.topics import ORDERS
from projectors.projection import Projection, Statement
from projectors.read_models.order_history_bulk import BULK
from projectors.read_models.order_history_fold import folded
from projectors.read_models.order_history_sql import CHANGES, DDL, INDEXES, KEYS, LINES, NEW, TIMELINE
from projectors.read_models.rows import over


def apply(events: Sequence[Recorded]) -> list[Statement]:
    """The statements of a batch. An order that was placed in it is written once, in the state that it came to.

    Raises as `folded`.
    """
    fold = folded(events)
    return [
        *over(NEW, fold.new_rows()),
        *over(CHANGES, fold.changed_rows()),
        *over(LINES, fold.lines),
        *over(TIMELINE, fold.timeline),
    ]


PROJECTION = Projection(
    name="order_history",
    version=1,
    topic=ORDERS.name,
    store="postgres",
    tables=("orders", "lines", "timeline"),
    ddl=DDL,
    keys=KEYS,
    indexes=INDEXES,
    apply=apply,
    public_schema="orders",
    bulk=BULK,
)
"""Order history with lines and timeline."""
