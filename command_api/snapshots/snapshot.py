"""What a snapshot of a partition holds. It is a fold of the log up to a position and can be thrown away at any time."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from command_api.snapshots.known_subjects import KnownSubjects
from infra.log_batch import START, Position


class SnapshotAway(Exception):
    """The store cannot be reached at the moment. Go on as if nothing had been changed, and try again later: should a
    save have been done all the same, the next one of the same store finds out and builds on it."""


class SnapshotMoved(Exception):
    """The stored snapshot is not the one that this process began with or saved: somebody else has written another or
    thrown it away, or the database has lost its newest commits in a crash. Nothing was changed. Only ``begin`` helps:
    what was not kept in memory cannot be known without it."""


class SnapshotWrong(Exception):
    """The snapshot is not a fold of this log. It is thrown away, and the log is read from its beginning."""


class Place(NamedTuple):
    """A partition under the rules that fold it: another ``state_version`` is another snapshot."""

    cluster: str
    """Kafka's cluster id."""
    topic: str
    partition: int
    state_version: str


class Kept(NamedTuple):
    """An aggregate in a snapshot."""

    subject: str
    """Its id, without NUL."""
    version: int
    state: bytes
    """JSON of ``Decider.dump``, with what else the writer remembers of the aggregate; opaque to the store."""
    due_at: datetime | None = None
    """Its earliest deadline, None when nothing is to happen by itself."""


class Keys(NamedTuple):
    """Commands carried out between two snapshots, packed by ``key_segment``; opaque to the store."""

    packed: bytes
    count: int  # type: ignore[assignment]  # a tuple's own `count` is of no use here
    newest_ms: int
    """Append time of the newest of them, milliseconds since 1970."""


class Mark(NamedTuple):
    """Where a snapshot was taken: the position after the last record in it, and that record's ``ce_id`` as a proof that
    the log is still the one it was taken from (empty at the very beginning)."""

    position: Position
    last_id: str


BEGINNING = Mark(START, "")
"""The mark of a reader that has read nothing."""


class Base(NamedTuple):
    """What a take-over begins with."""

    mark: Mark
    known: KnownSubjects
    """Every aggregate that is in the snapshot."""
    keys: Sequence[Keys]
    """Oldest first."""


class SnapshotStore(Protocol):
    """Snapshots of partitions. Every method raises ``SnapshotAway`` when the store cannot be reached within seconds."""

    async def begin(self, place: Place, *, keys_since_ms: int, most_keys: int) -> Base | None:
        """The snapshot to start from; None when there is none, it is of another cluster or ``state_version``, or it is
        damaged (then it is thrown away). Gives key segments with ``newest_ms`` at or after ``keys_since_ms``, of the
        newest ones as many as reach ``most_keys``."""

    async def save(
        self, place: Place, before: Mark | None, after: Mark, aggregates: Collection[Kept], keys: Keys | None
    ) -> None:
        """Replace these aggregates, each there once, and move the mark from ``before`` (None: there is no snapshot) to
        ``after``, all or nothing. Raises ``SnapshotMoved`` when the stored mark is not ``before``, and ``ValueError``
        when ``after`` is not beyond it."""

    async def load(self, place: Place, subjects: Collection[str]) -> dict[str, Kept]:
        """These aggregates; those that are missing or damaged are left out. So one that is known and left out is, but
        for one time in a thousand million, lost, and not new. Raises ``SnapshotMoved`` when the stored mark is none
        that this store began with or saved: what it holds may be older than what the caller gave away."""

    async def due(self, place: Place, until: datetime, most: int) -> list[tuple[str, datetime]]:
        """Aggregates with a deadline at or before ``until``, the earliest first, at most ``most``. Raises
        ``SnapshotMoved`` as ``load``."""

    async def forget(self, place: Place) -> None:
        """Throw the partition's snapshot away, whatever its version."""
