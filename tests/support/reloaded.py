"""States through a snapshot: dumped, written as JSON, read and loaded, and what they decide then."""

from typing import Any, TypeVar

import orjson

from domain.decider import Command, Decider
from domain.rejected import Rejected
from event_schemas.codec import encode

S = TypeVar("S")


def reloaded(decider: Decider[S], state: S) -> S:
    """The state as it comes back from a snapshot. Fails when its dump is more than lists, strings, numbers and None."""
    dumped = decider.dump(state)
    assert plain(dumped), dumped
    return decider.load(orjson.loads(orjson.dumps(dumped)))


def plain(value: Any) -> bool:
    """Whether a value consists of lists, strings, whole numbers and None alone, not even of their subclasses."""
    return type(value) in (str, int, type(None)) or (type(value) is list and all(map(plain, value)))


def decided(decider: Decider[S], state: S, command: Command) -> object:
    """What the log and the client would see of a decision: the events' bytes, or the refusal."""
    try:
        return [(event.wire_type, encode(event)) for event in decider.decide(state, command)]
    except Rejected as refusal:
        return refusal.code, refusal.detail, refusal.facts
