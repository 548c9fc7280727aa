"""Sorts what was read of a topic into what a policy wants and what has to be parked, each key in log order. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from event_schemas.codec import UndecodableEvent
from event_schemas.envelope import MalformedEnvelope
from event_schemas.event import REGISTRY
from event_schemas.record import LogRecord, recorded
from infra.reason import reason
from policies.policy import Intent, Policy


class Parked(NamedTuple):
    """A record that counts but could not be reacted to, or that waits behind such a one for the same key."""

    record: LogRecord
    code: str
    """The decoding error's code, ``reaction_failed``, or ``queued_behind``."""
    error: str
    attempts: int = 1
    """How many times it was the first of its key when it was tried to react to them, or 1."""

    @property
    def key(self) -> str:
        """The record's key as text, ``""`` for none."""
        return (self.record.key or b"").decode(errors="replace")

    @property
    def place(self) -> str:
        """Where the record lies in the log: ``stock/3@17``."""
        return f"{self.record.topic}/{self.record.partition}@{self.record.offset}"


class Sorted(NamedTuple):
    """What one read of a topic means to a policy."""

    intents: list[Intent]
    parked: list[Parked]


class Sorter:
    """Sorts for one policy. ``parked_keys`` are the keys behind which records queue already."""

    def __init__(self, policy: Policy, parked_keys: Iterable[bytes]) -> None:
        self._policy = policy
        self._unread = frozenset(
            cls.wire_name for cls in REGISTRY.values() if cls not in policy.reacts_to and cls.topic in policy.topics
        )
        self.parked_keys = set(parked_keys)

    def sort(self, records: Iterable[LogRecord]) -> Sorted:
        """What follows from records that count, in log order within each partition.

        A type that nobody declares is parked: a newer writer may mean something by it that must not be missed.
        """
        intents: list[Intent] = []
        parked: list[Parked] = []
        for record in records:
            if self._passes_unread(record):
                continue
            key = record.key or b""
            if key in self.parked_keys:
                parked.append(Parked(record, "queued_behind", "an earlier record of this key is parked"))
                continue
            try:
                event = recorded(record)
                intents.extend(Intent(command, (event,), n) for n, command in enumerate(self._policy.react(event)))
            except (MalformedEnvelope, UndecodableEvent) as error:
                parked.append(Parked(record, error.code, str(error)))
            except Exception as error:
                parked.append(Parked(record, "reaction_failed", reason(error)))
            else:
                continue
            self.parked_keys.add(key)
        return Sorted(self._policy.merge(intents), parked)

    def _passes_unread(self, record: LogRecord) -> bool:
        kind = b""
        for name, value in record.headers:
            if name == "ce_type":
                kind = value
        return kind.decode(errors="replace").rpartition(".v")[0] in self._unread
