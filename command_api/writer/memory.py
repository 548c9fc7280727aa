"""The aggregates of one partition, folded from its log."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from command_api.refusals import Quarantined
from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.snapshot import SnapshotWrong
from command_api.writer.aggregate import Birth, Versioned
from command_api.writer.deadlines import Deadlines
from command_api.writer.key_segment import Remembered
from command_api.writer.key_window import KeyWindow
from domain.decider import Decider
from event_schemas.codec import UndecodableEvent
from event_schemas.envelope import MalformedEnvelope
from event_schemas.event import Event
from event_schemas.record import LogRecord, recorded

logger = structlog.get_logger(__name__)


class Cold(Exception):
    """The aggregate is in the snapshot and not in memory; it must be loaded first."""

    def __init__(self, subject: str) -> None:
        super().__init__(subject)
        self.subject = subject


class Captured(NamedTuple):
    """What changed between two snapshots, each change acknowledged."""

    aggregates: Mapping[str, Versioned]
    commands: Mapping[str, Remembered]
    quarantined: Mapping[str, str] | None
    """All quarantined aggregates with the reason; None when these have not changed."""


class Memory:
    """What a writer knows of its partition: aggregates, and in ``keys`` the commands carried out.

    It holds what changed since the last snapshot, and of the rest ``most_cached``. ``known`` has at least every
    aggregate of the snapshot: one that is known and not here is ``Cold``; one that is neither is new.

    States are immutable, so going back to an earlier one is putting it back. The command that an aggregate began with
    is known as long as the aggregate, so a repeat of it is recognised when ``keys`` has long forgotten it.
    """

    def __init__(self, decider: Decider[Any], keys: KeyWindow) -> None:
        self._decider = decider
        self._keys = keys
        self.most_cached = 0
        """How many aggregates that have not changed since the last snapshot may stay."""
        self.resets = 0
        """How often memory has begun again."""
        self.reset(KnownSubjects(), {}, based=False)

    def reset(self, known: KnownSubjects, quarantined: Mapping[str, str], *, based: bool) -> None:
        """Begin again with what a snapshot has. ``based`` is False where it has nothing: what does not fit together
        then is the log's fault, not the snapshot's."""
        self.resets += 1
        self._known = known
        self._based = based
        self._changed: dict[str, Versioned] = {}
        self._commands: dict[str, Remembered] = {}
        self._saving = Captured({}, {}, None)
        self._cached: OrderedDict[str, Versioned] = OrderedDict()
        self._quarantined = dict(quarantined)
        self._quarantine_changed = False
        self.deadlines = Deadlines()
        """Of the acknowledged states."""

    @property
    def changes(self) -> int:
        """How many aggregates have changed since the last capture."""
        return len(self._changed)

    def find(self, subject: str) -> Versioned | None:
        """An aggregate that is in memory, else None."""
        found = self._changed.get(subject) or self._saving.aggregates.get(subject)
        if found is None and (found := self._cached.get(subject)) is not None:
            self._cached.move_to_end(subject)
        return found

    def cold(self, subject: str) -> bool:
        """Whether an aggregate must be loaded before it can be asked for."""
        return self.find(subject) is None and subject in self._known and subject not in self._quarantined

    def get(self, subject: str) -> Versioned:
        """An aggregate as the log tells it. Raises ``Quarantined`` when an event of it cannot be read, or ``Cold``."""
        if subject in self._quarantined:
            raise Quarantined(self._quarantined[subject], subject=subject)
        found = self.find(subject)
        if found is not None:
            return found
        if subject in self._known:
            raise Cold(subject)
        return Versioned(0, self._decider.initial)

    def put(self, subject: str, versioned: Versioned) -> None:
        """Set an aggregate's state: forward when events of it are on their way, back when they did not arrive."""
        if versioned.version:
            self._changed[subject] = versioned
        else:
            self._changed.pop(subject, None)

    def loaded(self, subject: str, versioned: Versioned) -> None:
        """Take an aggregate from the snapshot, unless it is here already."""
        if self.find(subject) is None:
            self._cached[subject] = versioned

    def trim(self) -> None:
        """Let go of unchanged aggregates above ``most_cached``, the least recently used first."""
        while len(self._cached) > self.most_cached:
            self._cached.popitem(last=False)

    def recall(self, subject: str, command_id: str) -> Remembered | None:
        """What is remembered of a command on an aggregate, None if nothing is or the aggregate is cold."""
        known = self._keys.get(command_id)
        if known is None and (found := self.find(subject)) is not None and found.birth is not None:
            return found.birth.remembered if found.birth.command_id == command_id else None
        return known

    def acknowledge(self, command_id: str, remembered: Remembered, state: Any) -> None:
        """Take what is in the history for ever: a command by one of its events or by its last, and the state after."""
        subject = remembered.subject
        if (known := self._keys.add(command_id, remembered)) is not None:
            before = self._commands.get(command_id)
            self._commands[command_id] = known if before is None else before.extended(known)
        due = self._decider.due(state)
        self.deadlines.note(subject, due.at if due is not None else None)
        aggregate = self._changed[subject]
        if aggregate.birth is None:
            self._changed[subject] = aggregate._replace(birth=Birth(command_id, remembered))
        elif aggregate.birth.command_id == command_id:
            birth = Birth(command_id, aggregate.birth.remembered.extended(remembered))
            self._changed[subject] = aggregate._replace(birth=birth)

    def story(self, subject: str) -> str:
        """Id of the command that an aggregate began with, by which its whole story is known; empty if it has none."""
        found = self.find(subject)
        return "" if found is None or found.birth is None else found.birth.command_id

    @property
    def quarantined(self) -> dict[str, str]:
        """Aggregates that take no commands, with the reason."""
        return dict(self._quarantined)

    def evolve(self, before: Versioned, events: Sequence[Event]) -> Versioned:
        """The aggregate after ``events``."""
        return Versioned(before.version + len(events), self._decider.fold(events, before.state), before.birth)

    def fold(self, record: LogRecord) -> None:
        """Take an event that counts from the log, of an aggregate that is not cold. One that cannot be read or applied
        quarantines its aggregate. Raises ``SnapshotWrong`` when that may be the fault of a snapshot."""
        subject = subject_of(record)
        if subject in self._quarantined:
            return
        try:
            *_, envelope, event, _ = recorded(record)
        except (UndecodableEvent, MalformedEnvelope) as error:
            self._quarantine(subject, record, error)
            return
        try:
            before = self.get(subject)
            if envelope.sequence != before.version + 1:
                raise ValueError(f"version {envelope.sequence} follows {before.version}")
            after = self._changed[subject] = self.evolve(before, (event,))
        except Cold:
            raise
        except Exception as error:  # whatever a forged event does to the rules concerns its aggregate alone
            if self._based:
                raise SnapshotWrong(f"{record.topic}/{record.partition}@{record.offset}: {error}") from error
            self._quarantine(subject, record, error)
            return
        place = (record.topic, record.partition, record.offset, record.offset, record.appended_ms)
        remembered = Remembered(envelope.fingerprint, subject, envelope.sequence, *place)
        self.acknowledge(envelope.command_id, remembered, after.state)

    def _quarantine(self, subject: str, record: LogRecord, error: Exception) -> None:
        self._quarantined[subject] = f"{record.topic}/{record.partition}@{record.offset}: {error}"
        self._quarantine_changed = True
        logger.error("aggregate quarantined", subject=subject, why=self._quarantined[subject])

    def set_aside(self, subject: str, why: str) -> None:
        """Quarantine an aggregate that no snapshot can hold."""
        if subject not in self._quarantined:
            self._quarantined[subject] = why
            logger.error("aggregate quarantined", subject=subject, why=why)
        self._quarantine_changed = True

    def capture(self) -> Captured:
        """What changed since the last capture that was ``saved``. Only between two batches: all of it is acknowledged.
        ``saved`` or ``not_saved`` comes before the next."""
        quarantined = dict(self._quarantined) if self._quarantine_changed else None
        self._saving = Captured(self._changed, self._commands, quarantined)
        self._changed, self._commands, self._quarantine_changed = {}, {}, False
        return self._saving

    def saved(self) -> None:
        """What was captured is in the snapshot, and ``known`` has it."""
        self._cached.update(self._saving.aggregates)
        self._saving = Captured({}, {}, None)
        self.trim()

    def not_saved(self) -> None:
        """What was captured is not in the snapshot; the next capture has it again."""
        self._changed = {**self._saving.aggregates, **self._changed}
        self._commands = {**self._saving.commands, **self._commands}
        self._quarantine_changed |= self._saving.quarantined is not None
        self._saving = Captured({}, {}, None)

    def is_changed(self, subject: str) -> bool:
        """Whether memory knows more of an aggregate than the snapshot."""
        return subject in self._changed or subject in self._saving.aggregates


def subject_of(record: LogRecord) -> str:
    """Id of the aggregate that a record is of."""
    return (record.key or b"").decode(errors="replace")
