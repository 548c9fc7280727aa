"""The events of a command say what the command asked for."""

from collections.abc import Iterator
from typing import Any

from tests.faults.history.evidence import Command, Evidence, Violation
from tests.faults.history.operation import JsonObject

AS_ASKED = "events say what was asked"
SAME = ("sku", "reservation_id", "quantity", "delta", "order_id")
"""Fields that stand in the event as they stood in the command."""


def check(evidence: Evidence) -> Iterator[Violation]:
    """Yield what contradicts this rule."""
    for command in evidence.commands.values():
        if not command.effects or not isinstance(command.effects[0][1].value, dict):
            continue
        _, first = command.effects[0]
        asked, told = _asked(command), _told(first.type, first.value)
        if told is not None and asked != told:
            yield Violation(AS_ASKED, f"{command.request.kind} {command.request.key} asked {asked}, got {told}")


def _asked(command: Command) -> dict[str, Any]:
    content = command.request.content
    picked: dict[str, Any] = {name: content[name] for name in SAME if name in content}
    if "counted_quantity" in content:
        picked["quantity"] = content["counted_quantity"]
    if "items" in content:
        picked["items"] = sorted((item["sku"], item["quantity"]) for item in content["items"])
    if "new_price" in content:
        picked["price"] = content["new_price"]["amount"]
    return picked


def _told(kind: str, value: JsonObject) -> dict[str, Any] | None:
    names = {
        "stock.received.v1": ("sku", "quantity"),
        "stock.adjusted.v1": ("sku", "delta"),
        "stock.reserved.v1": ("sku", "reservation_id", "quantity"),
        "stock.released.v1": ("sku", "reservation_id"),
        "stock.shipped.v1": ("sku", "reservation_id"),
        "order.cancelled.v1": ("order_id",),
        "order.rejected.v1": ("order_id",),
    }
    if kind in names:
        return {name: value[name] for name in names[kind]}
    match kind:
        case "stock.counted.v1":
            return {"sku": value["sku"], "quantity": value["counted_quantity"]}
        case "stock.reservation_rejected.v1":
            return {"sku": value["sku"], "reservation_id": value["reservation_id"], "quantity": value["requested"]}
        case "order.placed.v1":
            return {"items": sorted((line["sku"], line["quantity"]) for line in value["lines"])}
        case "product.price_changed.v1":
            return {"price": value["new_price"]["amount"]}
        case _:
            return None
