"""What the engine asks of a store, in words that hold for PostgreSQL and Redis alike.

NotCommitted            the batch changed nothing; the reader loads the store's positions and goes on from there
├── PositionMoved       another worker, or an earlier try of our own, is ahead; or parked records were taken out
│                       meanwhile; or the store lost what it held
├── GenerationMoved     another generation serves now, or the rebuild that filled this one lost its right to it
└── SwitchUnderWay      a rebuild is switching generations, or a retry in Redis has its turn; the same batch is tried
                        again in a moment
RebuildNeeded           the tables were made by another version of the projection; only a rebuild goes on
StoreDamaged            a batch was applied in part, or what is there is of another version, which only a rebuild mends
"""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from event_schemas.record import LogRecord
from infra.log_batch import Batch, Position


class NotCommitted(Exception):
    """The batch changed nothing."""


class PositionMoved(NotCommitted):
    """The stored position of a touched partition is not the one that the batch follows, or what it knows of parked keys
    is out of date."""


class GenerationMoved(NotCommitted):
    """The generation that was being filled is no longer the one to fill."""


class SwitchUnderWay(NotCommitted):
    """A rebuild holds the live engine back for the moment of its switch, or a retry that was overtaken too often."""


class RebuildNeeded(Exception):
    """The active generation, ``serving``, was made by another version of the projection."""

    def __init__(self, why: str, serving: int) -> None:
        super().__init__(why)
        self.serving = serving


class StoreDamaged(Exception):
    """A batch was applied in part, or another version has filled what is there. Nothing more is applied until the
    projection is rebuilt.
    """

    code = "store_damaged"


Place = tuple[int, int]
"""Partition and offset."""
BEFORE_ALL: Place = (-1, -1)


class Parked(NamedTuple):
    """A record that counts but was not applied: a poison one, or one that waits behind it for the same key."""

    record: LogRecord
    code: str
    """``undecodable_event`` and its kin, ``apply_failed``, or ``queued_behind``."""
    error: str
    attempts: int = 1
    """How many times it was the first of its key when it was tried to apply them, or 1."""

    @property
    def key(self) -> str:
        """The record's key as text, ``""`` for none."""
        return key_of(self.record)

    @property
    def at(self) -> Place:
        """Partition and offset of the record."""
        return self.record.partition, self.record.offset

    @property
    def place(self) -> str:
        """Where the record lies in the log: ``orders/3@17``."""
        return f"{self.record.topic}/{self.record.partition}@{self.record.offset}"


class Standing(NamedTuple):
    """A position as the store keeps it."""

    position: Position
    appended_ms: int
    """Append time of the last record applied, milliseconds since 1970; 0 before the first."""
    void: int
    """Records passed so far that never happened."""


class Outcome(NamedTuple):
    """What a committed batch did."""

    applied: int
    parked: tuple[Parked, ...]


class ParkedKeys(NamedTuple):
    """Behind which keys records queue, as a worker knows it. Whoever takes a parked record out counts that in the
    position of its partition, and a commit proves that it knows the count: else it could park an event behind nothing.
    """

    keys: frozenset[str] = frozenset()
    unparked: Mapping[int, int] = MappingProxyType({})
    """By partition: how many times parked records had been taken out when the keys were read."""

    def after(self, outcome: Outcome) -> "ParkedKeys":
        """With the keys that a commit of our own parked."""
        return self._replace(keys=self.keys | {one.key for one in outcome.parked}) if outcome.parked else self


class Loaded(NamedTuple):
    """From where a worker goes on."""

    generation: int
    standings: Mapping[int, Standing]
    """By partition."""
    parked: ParkedKeys


class Store(Protocol):
    """One generation of one projection in its server. ``load`` says which; every commit proves that it still is."""

    async def prepare(self, partitions: Sequence[int]) -> None:
        """Make generation 1 with its tables, views and positions unless there is one. Safe from several processes."""

    async def load(self, partitions: Sequence[int]) -> Loaded:
        """Positions and parked keys of the generation to fill. Raises ``RebuildNeeded`` or ``StoreDamaged``."""

    async def commit(self, batches: Sequence[Batch], parked: ParkedKeys) -> Outcome:
        """Rows and positions in one step, or nothing at all.

        Raises ``NotCommitted`` when it is not our turn, and the server's own exceptions when it is away.
        """

    async def uncopied(self, limit: int, partitions: Collection[int]) -> list[Parked]:
        """Parked records of the active generation in these partitions that are not yet in the dead letter topic, in log
        order.
        """

    async def mark_copied(self, records: Sequence[Parked]) -> None:
        """Remember that these are there."""


def key_of(record: LogRecord) -> str:
    """A record's key as text that PostgreSQL can store; bytes that are not UTF-8, and zeros, are replaced."""
    return (record.key or b"").decode(errors="replace").replace("\x00", "\ufffd")


def last_appended_ms(batch: Batch, before: int = 0) -> int:
    """Append time of the last record of a batch that counts, else ``before``."""
    return batch.records[-1].appended_ms if batch.records else before
