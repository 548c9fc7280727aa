"""Which aggregates a snapshot has: a filter, rewritten now and then, and the subjects of the segments since."""

import asyncio
from typing import NamedTuple

from command_api.snapshots.known_subjects import KnownSubjects
from command_api.snapshots.mark_rows import MarkRow
from command_api.snapshots.segment_rows import read_subjects
from command_api.snapshots.tables import Connection, Damaged, checksum

_SELECT = "SELECT known, checksum FROM command_api.filters WHERE generation = $1 AND to_offset = $2"
_REPLACE = """
INSERT INTO command_api.filters (generation, to_offset, known, checksum) VALUES ($1, $2, $3, $4)
ON CONFLICT (generation) DO UPDATE
SET to_offset = excluded.to_offset, known = excluded.known, checksum = excluded.checksum
"""
_AT_ONCE = 1_000
_CHECK_BYTES = 16


class Stored(NamedTuple):
    """What is stored of a snapshot's subjects, not yet put together."""

    packed: bytes
    """The filter, empty when there is none."""
    segments: list[tuple[int, list[str]]]
    """Subjects that became known since, by the offset that each segment reaches to."""


async def read(connection: Connection, row: MarkRow) -> Stored:
    """What is stored. Raises ``Damaged``."""
    packed = b""
    if row.filter_to:
        record = await connection.fetchrow(_SELECT, row.generation, row.filter_to)
        if record is None:
            raise Damaged("the filter is missing")
        packed, stored = record
        if _checksum(row.generation, row.filter_to, packed) != stored:
            raise Damaged("the filter")
    return Stored(packed, await read_subjects(connection, row))


async def known(stored: Stored) -> KnownSubjects:
    """The set, put together in portions, so that other tasks come in between. Raises ``Damaged``."""
    try:
        made = await asyncio.to_thread(KnownSubjects.from_bytes, stored.packed) if stored.packed else KnownSubjects()
    except ValueError as error:
        raise Damaged(f"the filter: {error}") from error
    for _, subjects in stored.segments:
        for start in range(0, len(subjects), _AT_ONCE):
            made.update(subjects[start : start + _AT_ONCE])
            await asyncio.sleep(0)
    return made


async def write(connection: Connection, generation: int, to_offset: int, packed: bytes) -> None:
    """Store a filter that knows the segments up to ``to_offset``, in the place of the one before."""
    await connection.execute(_REPLACE, generation, to_offset, packed, _checksum(generation, to_offset, packed))


def _checksum(generation: int, to_offset: int, packed: bytes) -> int:
    # The filter has a checksum of its own at its end; this one ties it to the row.
    return checksum(f"{generation}\0{to_offset}\0{len(packed)}", packed[-_CHECK_BYTES:])
