"""The aggregates of one partition, folded from its log, and the records that new events of them become."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from uuid_utils import uuid7

from command_api.deadlines import Deadlines
from command_api.intent import Intent
from command_api.key_window import KeyWindow, Remembered
from command_api.log import Outgoing
from command_api.refusals import Quarantined
from domain.decider import Decider
from event_schemas.codec import UndecodableEvent, encode
from event_schemas.envelope import Envelope, MalformedEnvelope, to_headers
from event_schemas.event import Event
from event_schemas.holder import Holder
from event_schemas.record import LogRecord, recorded

logger = structlog.get_logger(__name__)


class Versioned(NamedTuple):
    """An aggregate's state and the number of its events."""

    version: int
    state: Any


class Birth(NamedTuple):
    """The command that an aggregate began with."""

    command_id: str
    remembered: Remembered


class Memory:
    """What a writer knows of its partition: every aggregate's state, and in ``keys`` the commands carried out.

    States are immutable, so going back to an earlier one is putting it back. The command that an aggregate began with
    is known as long as the aggregate, so a repeat of it is recognised when ``keys`` has long forgotten it.
    """

    def __init__(self, decider: Decider[Any], keys: KeyWindow) -> None:
        self._decider = decider
        self._keys = keys
        self._aggregates: dict[str, Versioned] = {}
        self._births: dict[str, Birth] = {}
        self.deadlines = Deadlines()
        """Of the acknowledged states."""
        self._quarantined: dict[str, str] = {}

    def get(self, subject: str) -> Versioned:
        """An aggregate as the log tells it. Raises ``Quarantined`` when an event of it cannot be read."""
        if subject in self._quarantined:
            raise Quarantined(self._quarantined[subject], subject=subject)
        return self._aggregates.get(subject) or Versioned(0, self._decider.initial)

    def put(self, subject: str, versioned: Versioned) -> None:
        """Set an aggregate's state: forward when events of it are on their way, back when they did not arrive."""
        self._aggregates[subject] = versioned

    def recall(self, subject: str, command_id: str) -> Remembered | None:
        """What is remembered of a command on an aggregate, None if nothing is."""
        known = self._keys.get(command_id)
        if known is None and (birth := self._births.get(subject)) is not None and birth.command_id == command_id:
            return birth.remembered
        return known

    def acknowledge(self, command_id: str, remembered: Remembered, state: Any) -> None:
        """Take what is in the history for ever: a command by one of its events or by its last, and the state after."""
        self._keys.add(command_id, remembered)
        due = self._decider.due(state)
        self.deadlines.note(remembered.subject, due.at if due is not None else None)
        birth = self._births.get(remembered.subject)
        if birth is None:
            self._births[remembered.subject] = Birth(command_id, remembered)
        elif birth.command_id == command_id:
            self._births[remembered.subject] = Birth(command_id, birth.remembered.extended(remembered))

    def story(self, subject: str) -> str:
        """Id of the command that an aggregate began with, by which its whole story is known; empty if it has none."""
        return self._births[subject].command_id if subject in self._births else ""

    @property
    def quarantined(self) -> dict[str, str]:
        """Aggregates that take no commands, with the reason."""
        return dict(self._quarantined)

    def evolve(self, before: Versioned, events: Sequence[Event]) -> Versioned:
        """The aggregate after ``events``."""
        return Versioned(before.version + len(events), self._decider.fold(events, before.state))

    def fold(self, record: LogRecord) -> None:
        """Take an event that counts from the log. One that cannot be read or applied quarantines its aggregate."""
        subject = (record.key or b"").decode(errors="replace")
        if subject in self._quarantined:
            return
        try:
            _, _, _, _, envelope, event = recorded(record)
            before = self.get(subject)
            if envelope.sequence != before.version + 1:
                raise ValueError(f"version {envelope.sequence} follows {before.version}")
            after = self._aggregates[subject] = self.evolve(before, (event,))
        except (UndecodableEvent, MalformedEnvelope, ValueError, AssertionError, KeyError) as error:
            self._quarantined[subject] = f"{record.topic}/{record.partition}@{record.offset}: {error}"
            logger.error("aggregate quarantined", subject=subject, why=self._quarantined[subject])
            return
        self.acknowledge(
            envelope.command_id,
            Remembered(
                envelope.fingerprint,
                subject,
                envelope.sequence,
                record.topic,
                record.partition,
                record.offset,
                record.offset,
                record.appended_ms,
            ),
            after.state,
        )


def outgoing(
    intent: Intent, events: Sequence[Event], before: Versioned, holder: Holder, now: datetime
) -> list[Outgoing]:
    """The records of a command's events, in order, under the claim of ``holder``."""
    subject = intent.command.aggregate_id
    key = subject.encode()
    records = []
    for number, event in enumerate(events, start=before.version + 1):
        envelope = Envelope(
            id=str(uuid7()),
            type=event.wire_type,
            subject=subject,
            time=intent.at or now,
            sequence=number,
            command_id=intent.command_id,
            correlation_id=intent.correlation_id,
            causation_id=intent.causation_id,
            actor=intent.actor,
            writer=holder.writer,
            epoch=holder.epoch,
            fingerprint=intent.fingerprint,
        )
        records.append(Outgoing(key, encode(event), to_headers(envelope)))
    return records
