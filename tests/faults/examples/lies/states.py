"""Decisions that were not made on the state before them, and events that contradict it."""

from collections.abc import Callable

from tests.faults.examples.clean import released, reserved
from tests.faults.examples.scene import ORDERS, OTHER_ORDER, Scene
from tests.faults.history.states import STATE


def oversell(scene: Scene) -> None:
    """What was refused was promised: eleven of ten."""
    doctored = scene.record("too-much")
    kind, doctored.value = reserved("r2", 7)
    doctored.type = f"{kind}.v1"


def refusal_on_an_old_state(scene: Scene) -> None:
    scene.record("too-much").value["available"] = 10


def count_on_an_old_state(scene: Scene) -> None:
    scene.record("count").value["previous_quantity"] = 10


def price_from_an_old_state(scene: Scene) -> None:
    scene.record("reprice").value["old_price"] = {"amount": 400}


def settled_twice(scene: Scene) -> None:
    scene.turn_to(ORDERS, OTHER_ORDER)
    scene.does("confirm", "ConfirmOrder", ("order.confirmed", {}))


def wrong_line_total(scene: Scene) -> None:
    value = scene.record("place").value
    value["lines"][0]["line_total"]["amount"] = value["total"]["amount"] = 999


def wrong_total(scene: Scene) -> None:
    scene.record("place").value["total"]["amount"] = 999


def no_object(scene: Scene) -> None:
    scene.record("receive").value = None


def unknown_stock_event(scene: Scene) -> None:
    scene.record("mark").type = "stock.lost.v1"


def reserved_twice(scene: Scene) -> None:
    scene.does("twice", "ReserveStock", reserved("r3", 1), reservation_id="r3", quantity=1)


def reserved_after_its_end(scene: Scene) -> None:
    scene.does("ended", "ReserveStock", reserved("r1", 1), reservation_id="r1", quantity=1)


def refused_though_there_was_enough(scene: Scene) -> None:
    scene.operation("too-much").request.content["quantity"] = scene.record("too-much").value["requested"] = 6


def refused_as_released(scene: Scene) -> None:
    scene.record("too-much").value["reason"] = "ALREADY_RELEASED"


def mark_for_an_open_reservation(scene: Scene) -> None:
    scene.does("mark-open", "ReleaseReservation", released("r3", 0, None), reservation_id="r3")


def too_much_freed(scene: Scene) -> None:
    scene.does("free", "ReleaseReservation", released("r3", 3), reservation_id="r3")


def more_freed_than_reserved(scene: Scene) -> None:
    scene.does("free-again", "ReleaseReservation", released("r1", 4), reservation_id="r1")


LIES: list[tuple[Callable[[Scene], None], str]] = [
    (oversell, STATE),
    (refusal_on_an_old_state, STATE),
    (count_on_an_old_state, STATE),
    (price_from_an_old_state, STATE),
    (settled_twice, STATE),
    (wrong_line_total, STATE),
    (wrong_total, STATE),
    (no_object, STATE),
    (unknown_stock_event, STATE),
    (reserved_twice, STATE),
    (reserved_after_its_end, STATE),
    (refused_though_there_was_enough, STATE),
    (refused_as_released, STATE),
    (mark_for_an_open_reservation, STATE),
    (too_much_freed, STATE),
    (more_freed_than_reserved, STATE),
]
