"""An aggregate as its writer remembers it, and the form in which a snapshot keeps it."""

from datetime import UTC
from typing import Any, NamedTuple

import orjson

from command_api.snapshots.snapshot import Kept
from command_api.writer.key_segment import Remembered
from domain.decider import Decider

MOST_ID_BYTES = 2_000
"""A longer one does not fit into the index of a table."""
_OF_VALUES = ("Integer exceeds 64-bit range", "str is not valid UTF-8: surrogates not allowed")
"""What orjson says of values that an event may have; all else that it refuses is a mistake in ``Decider.dump``."""


class Birth(NamedTuple):
    """The command that an aggregate began with."""

    command_id: str
    remembered: Remembered


class Versioned(NamedTuple):
    """An aggregate's state and the number of its events."""

    version: int
    state: Any
    birth: Birth | None = None
    """None while nothing of it is acknowledged."""


class Unkeepable(ValueError):
    """No snapshot can hold this aggregate, which no command makes so: an event of it was written by other means."""


def kept(subject: str, aggregate: Versioned, decider: Decider[Any]) -> Kept:
    """The aggregate as a snapshot keeps it. Raises ``Unkeepable``, what ``Decider.dump`` raises for a state that it
    does not know, and ``orjson.JSONEncodeError`` when it gave what is no JSON.
    """
    if min(subject, default=" ") < " " or len(subject.encode()) > MOST_ID_BYTES:
        raise Unkeepable("its id cannot be kept: it is too long, or has control characters")
    born = None
    if aggregate.birth is not None:
        command_id, known = aggregate.birth
        born = [command_id, known.fingerprint, known.version, known.first_offset, known.last_offset, known.appended_ms]
    due = decider.due(aggregate.state)
    dumped = decider.dump(aggregate.state)
    try:
        state = orjson.dumps([dumped, born])
        return Kept(subject, aggregate.version, state, None if due is None else due.at.astimezone(UTC))
    except (orjson.JSONEncodeError, OverflowError) as error:
        if isinstance(error, orjson.JSONEncodeError) and str(error) not in _OF_VALUES:
            raise
        raise Unkeepable(f"its state cannot be kept: {error}") from error


def aggregate_of(found: Kept, decider: Decider[Any], partition: int) -> Versioned:
    """The aggregate that ``kept`` gave. Raises ``ValueError``, ``TypeError``, ``KeyError`` or ``IndexError`` when it is
    none."""
    dumped, born = orjson.loads(found.state)
    birth = None
    if born is not None:
        command_id, fingerprint, *numbers = born
        version, first, last, appended_ms = numbers
        birth = Birth(
            command_id,
            Remembered(fingerprint, found.subject, version, decider.topic, partition, first, last, appended_ms),
        )
    return Versioned(found.version, decider.load(dumped), birth)
