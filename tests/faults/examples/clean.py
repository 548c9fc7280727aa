"""The run by hand that is right in every detail, with something of all that the checker looks at."""

from typing import Any

from tests.faults.examples.scene import CATALOG, ORDER, ORDERS, OTHER_ORDER, PRODUCT, SKU, STOCK, Event, Scene
from tests.faults.history.operation import Outcome


def clean() -> Scene:
    """What happens to a SKU, a product and two orders."""
    scene = Scene()
    _goods(scene)
    _product(scene)
    _orders(scene)
    scene.turn_to(STOCK, SKU)
    return scene


def _goods(scene: Scene) -> None:
    """Ten pieces; promises, a refused one; repeats; a release; refusals; a take-over and a zombie; unknown outcomes."""
    scene.claim("writer-1", 1)
    scene.does("receive", "ReceiveStock", received(10), quantity=10)
    promise = scene.does("promise", "ReserveStock", reserved("r1", 4), reservation_id="r1", quantity=4)
    scene.repeats(promise)
    scene.does("too-much", "ReserveStock", refused("r2", 7, 6), reservation_id="r2", quantity=7)
    scene.changes_nothing("promise-again", "ReserveStock", reservation_id="r1", quantity=4)
    scene.refused("take", "insufficient_stock", "AdjustStock", delta=-7, available=6)
    scene.refused("stale", "version_conflict", "AdjustStock", 2, delta=-1, current_version=3)
    adjusted = {"sku": SKU, "warehouse_id": "MAIN", "delta": -1}
    scene.does("exact", "AdjustStock", ("stock.adjusted", adjusted), expected=3, delta=-1)
    scene.claim("writer-2", 2)
    scene.append("stock.adjusted.v1", {"sku": SKU, "delta": -9}, SKU, 5, "zombie", hold=("writer-1", 1))
    unknown = scene.sent("unknown", Outcome.INFO, "ReserveStock", reservation_id="r3", quantity=2)
    scene.effect(unknown, reserved("r3", 2))
    scene.sent("lost", Outcome.INFO, "ReserveStock", reservation_id="r4", quantity=2)
    scene.does("release", "ReleaseReservation", released("r1", 4), reservation_id="r1")
    scene.changes_nothing("release-again", "ReleaseReservation", reservation_id="r1")
    scene.does("mark", "ReleaseReservation", released("r5", 0, None), reservation_id="r5")
    scene.refused("ship", "reservation_not_found", "ShipReserved", reservation_id="r9")
    counted = {"sku": SKU, "warehouse_id": "MAIN", "previous_quantity": 9, "counted_quantity": 8}
    scene.does("count", "CountStock", ("stock.counted", counted), counted_quantity=8)
    scene.changes_nothing("count-again", "CountStock", counted_quantity=8)


def _product(scene: Scene) -> None:
    """A price changes."""
    scene.turn_to(CATALOG, PRODUCT)
    scene.claim("writer-1", 1)
    scene.does("add", "AddProduct", ("product.added", {"variants": [{"price": {"amount": 500}}]}))
    scene.changes_nothing("add-again", "AddProduct")
    prices = {"old_price": {"amount": 500}, "new_price": {"amount": 700}}
    scene.does("reprice", "ChangePrice", ("product.price_changed", prices), new_price={"amount": 700})
    scene.changes_nothing("reprice-again", "ChangePrice", new_price={"amount": 700})


def _orders(scene: Scene) -> None:
    """One order is cancelled before and after it is there, one is rejected; the first answer to one waited."""
    scene.turn_to(ORDERS, ORDER)
    scene.claim("writer-1", 1)
    scene.refused("too-early", "order_not_found", "CancelOrder")
    items = [{"sku": SKU, "quantity": 2}]
    place = scene.does("place", "PlaceOrder", placed(2, 500), items=items)
    cancel = scene.does("cancel", "CancelOrder", ("order.cancelled", {"order_id": ORDER}))
    assert cancel.answer is not None
    cancel.answer.body = {"events": [{"type": "order.cancelled.v1"}]}
    scene.changes_nothing("cancel-again", "CancelOrder")
    waited = scene.repeats(place).answer
    assert waited is not None
    waited.waited, waited.version, waited.offset = True, 2, cancel.answer.offset
    scene.reads("place", 1)
    scene.reads("cancel", 2)
    scene.reads("place", 2)
    scene.turn_to(ORDERS, OTHER_ORDER)
    scene.does("place-other", "PlaceOrder", placed(2, 500), items=items)
    scene.does("reject", "RejectOrder", ("order.rejected", {"order_id": OTHER_ORDER}))
    scene.changes_nothing("reject-again", "RejectOrder")
    scene.refused("cancel-other", "order_closed", "CancelOrder")


def received(quantity: int) -> Event:
    """Goods that arrive."""
    return "stock.received", {"sku": SKU, "warehouse_id": "MAIN", "quantity": quantity}


def reserved(reservation: str, quantity: int) -> Event:
    """A promise."""
    told = {"sku": SKU, "reservation_id": reservation, "warehouse_id": "MAIN", "quantity": quantity}
    return "stock.reserved", told


def refused(reservation: str, requested: int, available: int) -> Event:
    """A promise that cannot be made."""
    told = {"sku": SKU, "reservation_id": reservation, "requested": requested, "available": available}
    return "stock.reservation_rejected", {**told, "reason": "OUT_OF_STOCK"}


def released(reservation: str, quantity: int, warehouse: str | None = "MAIN") -> Event:
    """A promise that ends; without a warehouse the mark of one that was never made."""
    told = {"sku": SKU, "reservation_id": reservation, "quantity": quantity, "warehouse_id": warehouse}
    return "stock.released", told


def placed(quantity: int, price: int) -> Event:
    """An order of one line."""
    total = {"amount": quantity * price}
    line: dict[str, Any] = {"sku": SKU, "quantity": quantity, "unit_price": {"amount": price}, "line_total": total}
    return "order.placed", {"lines": [line], "total": dict(total)}
