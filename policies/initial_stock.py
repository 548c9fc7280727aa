"""A product that was added with a quantity: what lies on its shelf is received into the ledger of its SKU."""

from collections.abc import Sequence

from domain.decider import Command
from domain.stock_commands import INITIAL_REFERENCE, ReceiveStock
from event_schemas.catalog import ProductAdded
from event_schemas.record import Recorded
from policies.policy import Policy


def react(recorded: Recorded) -> Sequence[Command]:
    """A receipt for each entry of a product's initial stock; its reference says which product's it is."""
    match recorded.event:
        case ProductAdded(product_id=product_id, initial_stock=entries):
            return [
                ReceiveStock(
                    sku=entry.sku,
                    warehouse_id=entry.warehouse_id,
                    quantity=entry.quantity,
                    reference=f"{INITIAL_REFERENCE}{product_id}",
                )
                for entry in entries
            ]
        case _:
            return []


INITIAL_STOCK = Policy(name="initial_stock", reacts_to=frozenset({ProductAdded}), react=react)
"""Products and the first of their stock."""
