"""The shape of every aggregate: an initial state, a pure decision, and a pure fold.

Source: J. Chassaing, "Functional Event Sourcing Decider", 2021.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from domain.dumped import Dumped
from event_schemas.event import Event

S = TypeVar("S")


class Command(BaseModel):
    """What somebody wants of one aggregate. Everything it needs to be decided (prices, times, ids) is in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: ClassVar[str]
    """Topic of the aggregate that decides it."""

    @property
    def aggregate_id(self) -> str:
        """Id of the aggregate that decides it: the key of the events that follow."""
        raise NotImplementedError


class Deadline(NamedTuple):
    """Something that happens to an aggregate by itself, unless something else comes before."""

    at: datetime
    """When it passes, with a time zone."""
    command: Command
    """What is to be carried out then. It changes nothing when it comes late, twice, or for a deadline of before."""


def no_deadline(state: Any) -> Deadline | None:
    """Of an aggregate to which nothing happens by itself."""
    return None


class Decider(NamedTuple, Generic[S]):
    """An aggregate's rules.

    ``decide`` gives the events that follow from a command, none when it changes nothing, or raises ``Rejected``.
    ``evolve`` gives the state after an event and never refuses one.
    ``dump`` gives a state as a JSON value, and ``load`` an equal state from it, which decides the same; it raises
    ``ValueError``, ``TypeError``, ``KeyError`` or ``IndexError`` for what no ``dump`` gave.
    ``due`` gives the earliest deadline of a state, None when there is none.
    """

    topic: str
    initial: S
    decide: Callable[[S, Any], Sequence[Event]]
    evolve: Callable[[S, Event], S]
    dump: Callable[[S], Dumped]
    load: Callable[[object], S]
    due: Callable[[S], Deadline | None] = no_deadline

    def fold(self, events: Iterable[Event], state: S | None = None) -> S:
        """The state after ``events``, from ``state`` or from the beginning."""
        folded = self.initial if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded
