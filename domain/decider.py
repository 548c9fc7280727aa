"""The shape of every aggregate: an initial state, a pure decision, and a pure fold.

Source: J. Chassaing, "Functional Event Sourcing Decider", 2021.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

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


class Decider(NamedTuple, Generic[S]):
    """An aggregate's rules.

    ``decide`` gives the events that follow from a command, none when it changes nothing, or raises ``Rejected``.
    ``evolve`` gives the state after an event and never refuses one.
    """

    topic: str
    initial: S
    decide: Callable[[S, Any], Sequence[Event]]
    evolve: Callable[[S, Event], S]

    def fold(self, events: Iterable[Event], state: S | None = None) -> S:
        """The state after ``events``, from ``state`` or from the beginning."""
        folded = self.initial if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded
