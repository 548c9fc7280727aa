"""Segments: what a snapshot gained in each save besides states, which are the keys of commands and new subjects.

They follow one another without a gap from the snapshot's ``keys_from`` to its mark, so that a lost one is noticed.
"""

from collections.abc import Sequence

import orjson

from command_api.snapshots.mark_rows import MarkRow
from command_api.snapshots.snapshot import Keys
from command_api.snapshots.tables import Connection, Damaged, checksum

_INSERT = """
INSERT INTO command_api.segments
    (generation, from_offset, to_offset, count, newest_ms, keys, keys_checksum, subjects, subjects_checksum)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_WHOLE = """
SELECT coalesce(bool_and(from_offset = before), true) AND coalesce(max(to_offset), $2) = $3 FROM (
    SELECT from_offset, to_offset, lag(to_offset, 1, $2) OVER (ORDER BY to_offset) AS before
    FROM command_api.segments WHERE generation = $1
) s
"""
_NEWER = "sum(count) OVER (ORDER BY to_offset DESC) - count"
_KEYS = f"""
SELECT array_agg(to_offset ORDER BY to_offset) AS to_offsets, array_agg(count ORDER BY to_offset) AS counts,
    array_agg(newest_ms ORDER BY to_offset) AS newest, array_agg(keys ORDER BY to_offset) AS keys,
    array_agg(keys_checksum ORDER BY to_offset) AS checksums
FROM (SELECT *, {_NEWER} AS newer FROM command_api.segments WHERE generation = $1) s
WHERE count > 0 AND newest_ms >= $2 AND newer < $3
"""
_SUBJECTS = """
SELECT to_offset, subjects, subjects_checksum FROM command_api.segments
WHERE generation = $1 AND to_offset > $2 AND subjects <> '[]' ORDER BY to_offset
"""
_STILL_NEEDED = f"""
SELECT min(from_offset) FROM (SELECT *, {_NEWER} AS newer FROM command_api.segments WHERE generation = $1) s
WHERE (count > 0 AND newest_ms >= $2 AND newer < $3)
    OR (subjects <> '[]' AND to_offset > $4)
"""
_DELETE = "DELETE FROM command_api.segments WHERE generation = $1 AND to_offset <= $2"


async def append(connection: Connection, row: MarkRow, to_offset: int, keys: Keys | None, added: Sequence[str]) -> None:
    """The next segment, from the row's mark to ``to_offset``."""
    keys = keys or Keys(b"", 0, 0)
    subjects = orjson.dumps(added)
    await connection.execute(
        _INSERT,
        row.generation,
        row.mark.position.next_offset,
        to_offset,
        keys.count,
        keys.newest_ms,
        keys.packed,
        _keys_checksum(row.generation, to_offset, keys),
        subjects,
        checksum(f"{row.generation}\0{to_offset}", subjects),
    )


async def read_keys(connection: Connection, row: MarkRow, since_ms: int, most: int) -> list[Keys]:
    """The keys of segments with ``newest_ms`` at or after ``since_ms``, of the newest as many as reach ``most``.

    Raises ``Damaged`` when one of these is, or when any segment is missing.
    """
    whole = await connection.fetchval(_WHOLE, row.generation, row.keys_from, row.mark.position.next_offset)
    if not whole:
        raise Damaged("a segment is missing")
    record = await connection.fetchrow(_KEYS, row.generation, since_ms, most)
    assert record is not None
    found = []
    names = ("keys", "counts", "newest", "to_offsets", "checksums")
    for *parts, to_offset, stored in zip(*(record[name] or () for name in names), strict=True):
        keys = Keys(*parts)
        if _keys_checksum(row.generation, to_offset, keys) != stored:
            raise Damaged(f"the keys up to {to_offset}")
        found.append(keys)
    return found


async def read_subjects(connection: Connection, row: MarkRow) -> list[tuple[int, list[str]]]:
    """What became known in the segments after the filter, with the offset that each reaches to.

    Raises ``Damaged`` when one of these is.
    """
    found = []
    for to_offset, subjects, stored in await connection.fetch(_SUBJECTS, row.generation, row.filter_to):
        if checksum(f"{row.generation}\0{to_offset}", subjects) != stored:
            raise Damaged(f"the subjects up to {to_offset}")
        found.append((to_offset, orjson.loads(subjects)))
    return found


async def prune(connection: Connection, row: MarkRow, since_ms: int, most: int) -> MarkRow:
    """Delete the oldest segments, up to the first that is needed: its subjects are not in the filter, or its keys would
    be given by ``read_keys``. Gives the row as it is to be written.
    """
    needed = await connection.fetchval(_STILL_NEEDED, row.generation, since_ms, most, row.filter_to)
    keys_from = row.mark.position.next_offset if needed is None else needed
    if keys_from > row.keys_from:
        await connection.execute(_DELETE, row.generation, keys_from)
    return row._replace(keys_from=keys_from)


def _keys_checksum(generation: int, to_offset: int, keys: Keys) -> int:
    return checksum(f"{generation}\0{to_offset}\0{keys.count}\0{keys.newest_ms}", keys.packed)
