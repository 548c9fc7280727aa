"""Lies about the order of things: versions, offsets, time."""

from collections.abc import Callable

from tests.faults.examples.scene import Scene
from tests.faults.history.checks import offsets, versions


def forked_version(scene: Scene) -> None:
    scene.record("count").sequence -= 1


def hole_in_the_offsets(scene: Scene) -> None:
    for record in scene.records[-1:]:
        record.offset += 1


def position_backwards(scene: Scene) -> None:
    """A command that was sent after another's answer lies before it."""
    late = scene.operation("promise")
    late.invoked, late.completed = 100.0, 100.5


def version_ignored(scene: Scene) -> None:
    scene.operation("exact").request.expected = 2


LIES: list[tuple[Callable[[Scene], None], str]] = [
    (forked_version, versions.DENSE),
    (hole_in_the_offsets, offsets.NO_HOLES),
    (position_backwards, offsets.FORWARD),
    (position_backwards, versions.REAL_TIME),
    (version_ignored, versions.EXPECTED),
]
