"""Finds a reader that is alive but brings nothing of a place, although there is something to read. Pure.

Each place is watched by itself: one that stands still is found while the others move.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Stuck(Exception):
    """The reader is alive but brings nothing of a place, although there is something to read."""


class Seen(NamedTuple):
    """How far a reader is in a place, and whether there is something to read behind that."""

    at: object
    is_behind: bool


class Stillness:
    """Knows for how many seconds each place that is behind has not moved."""

    def __init__(self) -> None:
        self._still: dict[str, tuple[object, float]] = {}
        """By place: how far its reader was, and the seconds for which it has been there."""

    def after(self, seconds: float, seen: Mapping[str, Seen], bound: float) -> None:
        """So many seconds have passed, and this is what is seen of each place now, by its name. What is not seen any
        more is forgotten. Raises ``Stuck`` when a place that is behind has not moved for longer than ``bound`` seconds.
        """
        before, self._still = self._still, {}
        for name, (at, is_behind) in seen.items():
            was_at, still = before.get(name, (None, 0.0))
            self._still[name] = at, still + seconds if is_behind and at == was_at else 0.0
        for name, (at, still) in self._still.items():
            if still > bound:
                raise Stuck(f"{name} has not moved for {bound:.0f} s although there is more to read: {at}")
