"""What the timeline keeps of an order's event: its own fields for a person to read, with counts for lists."""

from typing import Any

from event_schemas import order
from event_schemas.event import Event

MOST_SKUS = 20


def story(event: Event) -> dict[str, Any]:
    """The event's fields as JSON values; a list becomes its length under `<field>_count`, refused SKUs are named.

    Of the SKUs at most `MOST_SKUS` are named; `skus_count` tells of all.
    """
    if isinstance(event, order.OrderStockRecorded):
        refused = [result.sku for result in event.results if result.outcome is order.Outcome.REJECTED]
        reserved_count = len(event.results) - len(refused)
        told = {"reserved_count": reserved_count, "refused_count": len(refused), "refused_skus": refused[:MOST_SKUS]}
        return told if refused else {"reserved_count": reserved_count}
    lists = {name: value for name in type(event).model_fields if isinstance(value := getattr(event, name), tuple)}
    data = event.model_dump(mode="json", exclude={"order_id", *lists}, exclude_none=True)
    for name, values in lists.items():
        if values:
            data[f"{name}_count"] = len(values)
        if values and name == "skus":
            data["skus"] = list(values[:MOST_SKUS])
    return data
