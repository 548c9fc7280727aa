"""Lies of the query API."""

from collections.abc import Callable

from tests.faults.examples.scene import Scene
from tests.faults.history.checks import reads


def write_not_seen(scene: Scene) -> None:
    scene.reads("cancel", 1)


def order_not_found(scene: Scene) -> None:
    scene.reads("place", 0)


def back_in_time(scene: Scene) -> None:
    scene.reads("place", 1)


def never_happened(scene: Scene) -> None:
    scene.reads("cancel", 3)


LIES: list[tuple[Callable[[Scene], None], str]] = [
    (write_not_seen, reads.SEES_WRITE),
    (order_not_found, reads.SEES_WRITE),
    (back_in_time, reads.FORWARD),
    (never_happened, reads.SHOWN),
]
