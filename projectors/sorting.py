"""Sorts the records of a batch into events to apply and records to park, in log order within each key. Pure."""

from collections.abc import Callable, Iterable, Sequence

from event_schemas.codec import UndecodableEvent
from event_schemas.envelope import MalformedEnvelope
from event_schemas.record import LogRecord, Recorded, recorded
from infra.log_reader import Batch
from infra.reason import reason
from projectors.store import Parked, key_of

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


class Sorting:
    """The events of a batch that can be applied, and what has to be parked, which grows as applying fails."""

    def __init__(self, batches: Iterable[Batch], parked_keys: frozenset[str], decode: Decode) -> None:
        self.events: list[Recorded] = []
        self.parked: list[Parked] = []
        self._keys = set(parked_keys)
        self._records: dict[tuple[int, int], LogRecord] = {}
        for batch in batches:
            for record in batch.records:
                self._sort(record, decode)

    def _sort(self, record: LogRecord, decode: Decode) -> None:
        if self._keys and key_of(record) in self._keys:
            self.parked.append(_queued(record))
            return
        try:
            event = decode(record)
        except (UndecodableEvent, MalformedEnvelope) as error:
            self._park(Parked(record, error.code, str(error)))
        else:
            self.events.append(event)
            self._records[record.partition, record.offset] = record

    def _park(self, parked: Parked) -> None:
        self.parked.append(parked)
        self._keys.add(parked.key)

    def poison(self, event: Recorded, error: Exception) -> None:
        """Park an event that could not be applied; ``applicable`` then holds back what follows for its key."""
        record = self._records[event.partition, event.offset]
        self._park(Parked(record, "apply_failed", reason(error)))

    def applicable(self, events: Sequence[Recorded]) -> list[Recorded]:
        """Those of ``events`` whose key is not parked; the others queue behind."""
        if not self.parked:
            return list(events)
        free = []
        for event in events:
            record = self._records[event.partition, event.offset]
            if key_of(record) in self._keys:
                self.parked.append(_queued(record))
            else:
                free.append(event)
        return free


def _queued(record: LogRecord) -> Parked:
    return Parked(record, "queued_behind", "an earlier event of this key is parked")
