"""What one product sold in tumbling buckets of a minute and an hour, and windows as sums of them. Pure; the caller has
the clock.

A window of n buckets is the bucket in which `now` lies and the n before it: it reaches back at least as long as
it says, and at most one bucket longer. `since` tells exactly how long.
"""

from typing import Any, NamedTuple

MINUTE, HOUR = 60, 3600


class Window(NamedTuple):
    """A window up to now: its name, the seconds of one bucket, and how many full buckets there are."""

    name: str
    unit: int
    buckets: int


WINDOWS = (Window("1h", MINUTE, 60), Window("24h", HOUR, 24), Window("7d", HOUR, 7 * 24), Window("30d", HOUR, 30 * 24))
"""Every window that is published."""

_BY_MINUTE = tuple(window for window in WINDOWS if window.unit == MINUTE)
_BY_HOUR = tuple(window for window in WINDOWS if window.unit == HOUR)
_MOST_MINUTES = max(window.buckets for window in _BY_MINUTE)
_MOST_HOURS = max(window.buckets for window in _BY_HOUR)


def since(window: Window, now: int) -> int:
    """The first second that counts at `now`; both in seconds since 1970."""
    return (now // window.unit - window.buckets) * window.unit


def is_reached(at: int, now: int) -> bool:
    """Whether any window reaches back to the second `at`."""
    return at // HOUR >= now // HOUR - _MOST_HOURS


class Sold:
    """Pieces of one product by minute and by hour of business time. `applied` is the offset after the last event."""

    __slots__ = ("applied", "hours", "minutes")

    def __init__(self, applied: int = 0) -> None:
        self.applied = applied
        self.minutes: dict[int, int] = {}
        self.hours: dict[int, int] = {}

    def add(self, at: int, quantity: int, now: int) -> None:
        """Count `quantity` (negative: take back) at the second `at`. What no window reaches any more is passed over;
        what lies after `now` counts once its time has come.
        """
        _count(self.minutes, at // MINUTE, quantity, now // MINUTE - _MOST_MINUTES)
        _count(self.hours, at // HOUR, quantity, now // HOUR - _MOST_HOURS)

    def expire(self, now: int) -> None:
        """Forget the buckets that no window reaches at `now`, nor at any time after it."""
        _forget(self.minutes, now // MINUTE - _MOST_MINUTES)
        _forget(self.hours, now // HOUR - _MOST_HOURS)

    def sums(self, now: int) -> dict[str, int]:
        """Pieces in each window at `now`, by its name."""
        return {
            window.name: _sum(self.minutes if window.unit == MINUTE else self.hours, window, now) for window in WINDOWS
        }

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to count."""
        return not self.minutes and not self.hours

    def dump(self) -> list[Any]:
        """The row as JSON holds it; `load` is its inverse."""
        return [self.applied, list(self.minutes.items()), list(self.hours.items())]

    @classmethod
    def load(cls, dumped: list[Any]) -> "Sold":
        """The row of what `dump` gave."""
        row = cls(dumped[0])
        row.minutes.update(dumped[1])
        row.hours.update(dumped[2])
        return row


def _count(buckets: dict[int, int], bucket: int, quantity: int, first: int) -> None:
    if bucket < first:
        return
    total = buckets.get(bucket, 0) + quantity
    if total:
        buckets[bucket] = total
    else:
        buckets.pop(bucket, None)


def _forget(buckets: dict[int, int], first: int) -> None:
    for bucket in [bucket for bucket in buckets if bucket < first]:
        del buckets[bucket]


def _sum(buckets: dict[int, int], window: Window, now: int) -> int:
    last = now // window.unit
    return sum(quantity for bucket, quantity in buckets.items() if last - window.buckets <= bucket <= last)
