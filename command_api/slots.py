"""Who is in the command API at a time: those who are served, and those who only wait there."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Scope

MOST_ASIDE = 10_000
"""So many may wait without a slot; more keep theirs. A connection and an order take some 20 kB each, what is sent on to
another instance twice its body more."""
_SLOT = "stockroom.slot"


class Slots:
    """At most ``most`` are taken by those who come; who comes back from waiting may be one more."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.taken = 0
        self.aside = 0

    @property
    def full(self) -> bool:
        """Whether there is none for one more."""
        return self.taken >= self.most

    def take(self, scope: Scope) -> None:
        """Take one for a request, whose scope then knows it."""
        scope[_SLOT] = self
        self.taken += 1

    def give_back(self) -> None:
        """The request is answered."""
        self.taken -= 1


@contextmanager
def stepped_aside(scope: Scope) -> Iterator[None]:
    """Let another one have the slot of this request, which has nothing to do but wait. One that took none has none to
    give."""
    slots: Slots | None = scope.get(_SLOT)
    if slots is None or slots.aside >= MOST_ASIDE:
        yield
        return
    slots.taken -= 1
    slots.aside += 1
    try:
        yield
    finally:
        slots.aside -= 1
        slots.taken += 1
