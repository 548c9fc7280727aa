"""The chunks in which a rebuild reads a topic: so many records, one batch a partition, none beyond its goal."""

from collections.abc import Mapping, Sequence

from infra.log_batch import Batch, Position
from infra.log_reader import LogReader

MAX_RECORDS = 5_000
"""Records that the reader is asked for at once."""

Place = tuple[str, int]
"""Topic and partition."""


def behind(positions: Mapping[Place, Position], goals: Mapping[Place, int]) -> dict[Place, int]:
    """Records up to the goal, of places that are before it."""
    records = {place: goal - positions[place].next_offset for place, goal in goals.items()}
    return {place: number for place, number in records.items() if number > 0}


async def read_chunk(reader: LogReader, goals: Mapping[Place, int], most: int) -> list[Batch]:
    """At most so many records, one batch a partition; fewer when the next ones let themselves be waited for.

    Only of partitions before their goal: in one that has been read what comes live would hide that another is deaf.
    Raises as ``LogReader.read``.
    """
    joined: dict[int, Batch] = {}
    left = most
    while (
        left
        and (only := behind(reader.positions, goals))
        and (batches := await reader.read(max_records=min(left, MAX_RECORDS), only=only))
    ):
        for batch in batches:
            one = joined.get(batch.partition)
            joined[batch.partition] = _joined(one, batch) if one else batch
        left -= passed(batches)
    return list(joined.values())


def _joined(one: Batch, following: Batch) -> Batch:
    one.records.extend(following.records)
    void_records = (*one.void_records, *following.void_records)
    return one._replace(after=following.after, void=one.void + following.void, void_records=void_records)


def passed(batches: Sequence[Batch]) -> int:
    """Number of records, counted or not, that batches passed."""
    return sum(batch.after.next_offset - batch.before.next_offset for batch in batches)
