"""The row that says where a partition's snapshot stands. Every change of a snapshot begins with its lock."""

from typing import Any, NamedTuple

from command_api.snapshots.snapshot import Mark, Place
from command_api.snapshots.tables import Connection, Damaged, checksum
from event_schemas.holder import Holder
from infra.log_batch import Position

COLUMNS = """s.topic, s.partition, s.cluster, s.state_version, s.generation, s.next_offset, s.epoch, s.writer,
    s.last_id, s.keys_from, s.filter_to, s.filtered, s.unfiltered, s.unpruned, s.checksum AS mark_checksum"""
_INSERT = """
INSERT INTO command_api.snapshots
    (topic, partition, cluster, state_version, next_offset, epoch, writer, last_id, checksum)
VALUES ($1, $2, $3, $4, 0, 0, '', '', 0) ON CONFLICT DO NOTHING RETURNING generation
"""
_UPDATE = """
UPDATE command_api.snapshots SET next_offset = $2, epoch = $3, writer = $4, last_id = $5, keys_from = $6,
    filter_to = $7, filtered = $8, unfiltered = $9, unpruned = $10, checksum = $11, saved_at = now()
WHERE generation = $1 AND topic = $12 AND partition = $13
"""
_DISCARD = """
WITH gone AS (
    DELETE FROM command_api.snapshots WHERE topic = $1 AND partition = $2 AND generation = coalesce($3, generation)
    RETURNING generation
)
INSERT INTO command_api.discarded (generation) SELECT generation FROM gone
"""


class MarkRow(NamedTuple):
    """A partition's snapshot."""

    place: Place
    generation: int
    mark: Mark
    keys_from: int = 0
    """Where the oldest segment begins."""
    filter_to: int = 0
    """The filter knows what the segments up to this offset know; 0 when there is no filter."""
    filtered: int = 0
    """Aggregates that the filter knows."""
    unfiltered: int = 0
    """Aggregates that only segments know."""
    unpruned: int = 0
    """Saves since the oldest segments were last deleted."""

    def checksum(self) -> int:
        """Over all that a reader relies on."""
        position, last_id = self.mark
        parts = (*self.place, self.generation, position.next_offset, *position.holder, self.keys_from, self.filter_to)
        return checksum("\0".join(map(str, parts)), last_id.encode(errors="surrogateescape"))


def checked(record: Any) -> MarkRow:
    """The row in a record with ``COLUMNS``. Raises ``Damaged`` when it is not as it was written."""
    mark = Mark(
        Position(record["next_offset"], Holder(record["epoch"], record["writer"])),
        record["last_id"].decode(errors="surrogateescape"),
    )
    place = Place(record["cluster"], record["topic"], record["partition"], record["state_version"])
    counts = (record[name] for name in ("keys_from", "filter_to", "filtered", "unfiltered", "unpruned"))
    row = MarkRow(place, record["generation"], mark, *counts)
    if row.checksum() != record["mark_checksum"]:
        raise Damaged(f"the mark of {place.topic}/{place.partition}")
    return row


async def fetch(connection: Connection, place: Place) -> Any | None:
    """The record of the partition's snapshot, of whatever cluster and version, for ``checked``; None without one."""
    query = f"SELECT {COLUMNS} FROM command_api.snapshots s WHERE topic = $1 AND partition = $2"
    return await connection.fetchrow(query, place.topic, place.partition)


async def lock(connection: Connection, place: Place) -> MarkRow | None:
    """The partition's snapshot, which nobody else changes until the transaction ends. Raises ``Damaged``."""
    query = f"SELECT {COLUMNS} FROM command_api.snapshots s WHERE topic = $1 AND partition = $2 FOR UPDATE"
    record = await connection.fetchrow(query, place.topic, place.partition)
    return None if record is None else checked(record)


async def insert(connection: Connection, place: Place, beginning: Mark) -> MarkRow | None:
    """A new snapshot with nothing in it, for ``write`` to complete; None when somebody else's came first."""
    generation = await connection.fetchval(_INSERT, place.topic, place.partition, place.cluster, place.state_version)
    return None if generation is None else MarkRow(place, generation, beginning)


async def write(connection: Connection, row: MarkRow) -> None:
    """Replace the row, which the transaction has locked."""
    position, last_id = row.mark
    await connection.execute(
        _UPDATE,
        row.generation,
        position.next_offset,
        position.holder.epoch,
        position.holder.writer,
        last_id.encode(errors="surrogateescape"),
        row.keys_from,
        row.filter_to,
        row.filtered,
        row.unfiltered,
        row.unpruned,
        row.checksum(),
        row.place.topic,
        row.place.partition,
    )


async def discard(connection: Connection, place: Place, generation: int | None = None) -> None:
    """Throw the partition's snapshot away: the one of this generation, or whichever is there."""
    await connection.execute(_DISCARD, place.topic, place.partition, generation)
