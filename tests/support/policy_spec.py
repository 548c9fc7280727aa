"""Specifications of policies: ``when(POLICY, *events).then(*commands)``, all read at once and merged."""

from collections.abc import Iterable

from domain.decider import Command
from event_schemas.event import Event
from event_schemas.record import Recorded
from policies.policy import Intent, Policy
from tests.support.recorded import recorded


def intents(policy: Policy, events: Iterable[Recorded]) -> list[Intent]:
    """What a policy wants after these events came in one read; it is given only those that it says it reacts to."""
    given = [event for event in events if type(event.event) in policy.reacts_to]
    return policy.merge(
        [Intent(command, (event,), number) for event in given for number, command in enumerate(policy.react(event))]
    )


class Reaction:
    """What a policy wants after some events."""

    def __init__(self, intents: list[Intent]) -> None:
        self.intents = intents

    def then(self, *commands: Command) -> None:
        """Exactly these commands follow, in this order."""
        assert [intent.command for intent in self.intents] == list(commands)

    def then_nothing(self) -> None:
        """Nothing follows."""
        self.then()


def when(policy: Policy, *events: Event) -> Reaction:
    """The reaction of a policy to these events in one read."""
    return Reaction(intents(policy, [recorded(event) for event in events]))
