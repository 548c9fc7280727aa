"""What a policy is: a name, the events it reacts to, a pure reaction, and a pure merging of what one read gave."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain.decider import Command
from event_schemas.event import Event
from event_schemas.record import Recorded


class Intent(NamedTuple):
    """A command that follows from events: one, or several whose commands were merged."""

    command: Command
    causes: tuple[Recorded, ...]
    """The events that it follows from, in the order in which they were read."""
    number: int = 0
    """Its place, from 0, among the commands of its first cause."""


React = Callable[[Recorded], Sequence[Command]]
Merge = Callable[[Sequence[Intent]], list[Intent]]


def as_they_are(intents: Sequence[Intent]) -> list[Intent]:
    """The merging of a policy that merges nothing."""
    return list(intents)


class Policy(NamedTuple):
    """A saga, or a part of one, without state: the aggregate that owns an outcome counts, and makes repeats no-ops."""

    name: str
    """Also the actor of its commands, ``system:<name>``, and the key of its positions: never renamed."""
    reacts_to: frozenset[type[Event]]
    """The events that can make it want something; others of the same topics pass unread."""
    react: React
    """The commands that follow from one event, in the order in which they must reach one aggregate."""
    merge: Merge = as_they_are
    """The commands of one read, in order, to fewer with the same effect."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Names of the topics that it reads, in alphabetical order."""
        return tuple(sorted({event.topic for event in self.reacts_to}))
