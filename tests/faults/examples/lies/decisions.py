"""Refusals, and answers without effect, that no state of their time allows."""

from collections.abc import Callable

from tests.faults.examples.scene import ORDER, Scene
from tests.faults.history.checks import decisions, offsets, versions


def stale_conflict(scene: Scene) -> None:
    """412 names a version that was over before it was asked."""
    scene.operation("stale").facts["current_version"] = 1


def conflict_without_reason(scene: Scene) -> None:
    scene.operation("stale").request.expected = 3


def refusal_without_reason(scene: Scene) -> None:
    scene.operation("take").request.content["delta"] = -6


def refusal_on_old_facts(scene: Scene) -> None:
    scene.operation("take").facts["available"] = 5


def stale_no_change(scene: Scene) -> None:
    """It says that the reservation was there, at a version at which it was not."""
    scene.answer("promise-again").version = 1


def unexpected_answer(scene: Scene) -> None:
    scene.operation("take").code = "aggregate_quarantined"


def receipt_without_effect(scene: Scene) -> None:
    scene.answer("receive").effect = False


def known_order_not_found(scene: Scene) -> None:
    late = scene.operation("too-early")
    late.invoked, late.completed = 100.0, 100.5


def open_order_closed(scene: Scene) -> None:
    """A cancelled order, not a rejected one, is said to forbid its cancellation."""
    scene.operation("cancel-other").request.subject = ORDER


def known_reservation_not_found(scene: Scene) -> None:
    scene.operation("ship").request.content["reservation_id"] = "r1"


def open_reservation_released_before(scene: Scene) -> None:
    scene.operation("release-again").request.content["reservation_id"] = "r3"


def counted_otherwise(scene: Scene) -> None:
    scene.operation("count-again").request.content["counted_quantity"] = 7


def cancelled_before(scene: Scene) -> None:
    scene.answer("cancel-again").version = 1


def rejected_before(scene: Scene) -> None:
    scene.answer("reject-again").version = 1


def priced_before(scene: Scene) -> None:
    scene.answer("reprice-again").version = 1


def added_before(scene: Scene) -> None:
    scene.answer("add-again").version = 0


LIES: list[tuple[Callable[[Scene], None], str]] = [
    (stale_conflict, decisions.REFUSALS),
    (conflict_without_reason, decisions.REFUSALS),
    (refusal_without_reason, decisions.REFUSALS),
    (refusal_on_old_facts, decisions.REFUSALS),
    (stale_no_change, decisions.NO_CHANGE),
    (stale_no_change, versions.REAL_TIME),
    (stale_no_change, offsets.HOLDS_THERE),
    (unexpected_answer, decisions.SURPRISES),
    (receipt_without_effect, decisions.NO_CHANGE),
    (known_order_not_found, decisions.REFUSALS),
    (open_order_closed, decisions.REFUSALS),
    (known_reservation_not_found, decisions.REFUSALS),
    (open_reservation_released_before, decisions.NO_CHANGE),
    (counted_otherwise, decisions.NO_CHANGE),
    (cancelled_before, decisions.NO_CHANGE),
    (rejected_before, decisions.NO_CHANGE),
    (priced_before, decisions.NO_CHANGE),
    (added_before, decisions.NO_CHANGE),
]
