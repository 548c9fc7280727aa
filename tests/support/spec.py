"""Specifications of deciders: ``given(DECIDER, *events).when(*commands).then(*events)``, or ``.then_rejected(...)``."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import pytest

from domain.decider import Command, Decider
from domain.rejected import Rejected
from event_schemas.event import Event

S = TypeVar("S")


class Outcome(Generic[S]):
    """What a command led to."""

    def __init__(self, before: S, decider: Decider[S], command: Command) -> None:
        self._before = before
        self._decider = decider
        self._command = command

    @property
    def events(self) -> Sequence[Event]:
        """The events that follow; raises ``Rejected`` when the command is refused."""
        return self._decider.decide(self._before, self._command)

    @property
    def state(self) -> S:
        """The state after them."""
        return self._decider.fold(self.events, self._before)

    def then(self, *events: Event) -> S:
        """Exactly these events follow; gives the state after them."""
        assert list(self.events) == list(events)
        return self.state

    def then_nothing(self) -> S:
        """The command is accepted and changes nothing."""
        return self.then()

    def then_rejected(self, refusal: type[Rejected], **facts: Any) -> Rejected:
        """The command is refused, with at least these facts."""
        with pytest.raises(refusal) as caught:
            self.events  # noqa: B018 (the property decides)
        assert type(caught.value) is refusal
        assert facts.items() <= caught.value.facts.items()
        assert caught.value.detail
        return caught.value


class Given(Generic[S]):
    """A decider after some history."""

    def __init__(self, decider: Decider[S], events: Sequence[Event]) -> None:
        self._decider = decider
        self.state = decider.fold(events)

    def when(self, *commands: Command) -> Outcome[S]:
        """The outcome of the last command, after the others have been carried out."""
        *earlier, last = commands
        state = self.state
        for command in earlier:
            state = self._decider.fold(self._decider.decide(state, command), state)
        return Outcome(state, self._decider, last)


def given(decider: Decider[S], *events: Event) -> Given[S]:
    """An aggregate to which these events have happened."""
    return Given(decider, events)
