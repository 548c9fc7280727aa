"""Sorts the records of a batch into events to apply and records to park, in log order within each key. Pure."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from copy import copy
from types import MappingProxyType

from event_schemas.codec import UndecodableEvent
from event_schemas.envelope import MalformedEnvelope
from event_schemas.record import LogRecord, Recorded, recorded
from infra.log_batch import Batch
from infra.reason import reason
from projectors.stores.store import Outcome, Parked, Place, key_of

Decode = Callable[[LogRecord], Recorded]


class Decoder:
    """Decodes records, and remembers some of the last ones, since several projections read the same topic side by side.

    Holds between ``remembered`` and twice as many events; 0 switches the memory off.
    """

    def __init__(self, remembered: int = 10_000) -> None:
        self._remembered = remembered
        self._new: dict[tuple[str, int, int], Recorded] = {}
        self._old: dict[tuple[str, int, int], Recorded] = {}

    def __call__(self, record: LogRecord) -> Recorded:
        """The record's event. Raises ``MalformedEnvelope`` or ``UndecodableEvent``."""
        if not self._remembered:
            return recorded(record)
        place = record.topic, record.partition, record.offset
        event = self._new.get(place) or self._old.get(place)
        if event is None:
            event = self._new[place] = recorded(record)
            if len(self._new) >= self._remembered:
                self._old, self._new = self._new, {}
        return event


_LONG_AGO = (-1, 0)
"""The place of a head that is parked since before the batch: in no partition, so that nothing comes before it."""


class Sorting:
    """The events of a batch that can be applied, and what has to be parked, which grows as applying fails. Records at
    the places ``voided`` are neither."""

    def __init__(
        self, batches: Iterable[Batch], parked_keys: frozenset[str], decode: Decode, voided: Container[Place]
    ) -> None:
        self.events: list[Recorded] = []
        self.parked: list[Parked] = []
        self._heads: dict[str, Place] = dict.fromkeys(parked_keys, _LONG_AGO)
        self._records: dict[Place, LogRecord] = {}
        self._queued: set[Place] = set()
        self._count = 0
        for batch in batches:
            self._count += len(batch.records)
            for record in batch.records:
                if (record.partition, record.offset) not in voided:
                    self._sort(record, decode)

    def twin(self) -> "Sorting":
        """The same for another projection, which may fail to apply other events; nothing is decoded again."""
        other = copy(self)
        other.events, other.parked, other._heads = list(self.events), list(self.parked), dict(self._heads)
        other._queued = set(self._queued)
        return other

    @property
    def outcome(self) -> Outcome:
        """What the batch did once all its events are applied or parked."""
        return Outcome(self._count - len(self.parked), tuple(self.parked))

    def _sort(self, record: LogRecord, decode: Decode) -> None:
        if self._held_back(record):
            self.parked.append(_queued(record))
            return
        try:
            event = decode(record)
        except (UndecodableEvent, MalformedEnvelope) as error:
            self._park(Parked(record, error.code, str(error)))
        else:
            self.events.append(event)
            self._records[record.partition, record.offset] = record

    def _held_back(self, record: LogRecord) -> bool:
        """Whether its key is parked already, or from an earlier record of its partition on."""
        head = self._heads.get(key_of(record)) if self._heads else None
        return head is not None and not (head[0] == record.partition and record.offset < head[1])

    def _park(self, parked: Parked) -> None:
        self.parked.append(parked)
        self._heads[parked.key] = parked.record.partition, parked.record.offset

    def poison(self, event: Recorded, error: Exception) -> None:
        """Park an event that could not be applied; ``applicable`` then holds back what follows for its key."""
        record = self._records[event.partition, event.offset]
        self._park(Parked(record, "apply_failed", reason(error)))

    def applicable(
        self, events: Sequence[Recorded], poison: Mapping[Place, Exception] = MappingProxyType({})
    ) -> list[Recorded]:
        """Those of ``events`` that no earlier one of their key holds back; the others are parked behind it.

        ``events`` come in log order within a partition; those at the places of ``poison`` are parked for that reason.
        May be asked again of the same events: what is parked already is parked once.
        """
        if not self.parked and not poison:
            return list(events)
        free = []
        for event in events:
            place = event.partition, event.offset
            if self._held_back(self._records[place]):
                if place not in self._queued:
                    self._queued.add(place)
                    self.parked.append(_queued(self._records[place]))
            elif place in poison:
                self.poison(event, poison[place])
            else:
                free.append(event)
        return free


def _queued(record: LogRecord) -> Parked:
    return Parked(record, "queued_behind", "an earlier event of this key is parked")
