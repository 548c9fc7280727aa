"""A count that found less than was promised: the orders whose promise was taken back are shown to a person."""

from collections.abc import Sequence

from domain.decider import Command
from domain.order_commands import FlagOrder
from event_schemas.record import Recorded
from event_schemas.stock import Purpose, ReleaseReason, StockReleased
from policies.policy import Policy


def react(recorded: Recorded) -> Sequence[Command]:
    """A flag for the order whose goods a count showed to be missing."""
    match recorded.event:
        case StockReleased(reason=ReleaseReason.SHORTFALL, purpose=Purpose.SALE, ref_id=str(order_id), sku=sku):
            return [FlagOrder(order_id=order_id, reason="SHORTFALL", sku=sku)]
        case _:
            return []


SHORTFALL = Policy(name="shortfall", reacts_to=frozenset({StockReleased}), react=react)
"""Counts and the orders that they hit."""
