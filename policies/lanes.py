"""How commands are shared out over requests so that those of one aggregate keep their order. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from zlib import crc32

from policies.bulk_line import BulkLine

LANES = 4
"""Requests under way at once for one read, or one for each instance where there are more instances."""
LINES_WORTH_A_LANE = 100


def lanes(lines: Sequence[BulkLine], address_of: Callable[[str], str]) -> list[list[BulkLine]]:
    """The lines in lanes, each for one address. All of an aggregate are in one lane, in their order."""
    by_address: dict[str, list[BulkLine]] = defaultdict(list)
    for line in lines:
        by_address[address_of(line.aggregate_id)].append(line)
    found: list[list[BulkLine]] = []
    for together in by_address.values():
        count = max(1, min(LANES // len(by_address), 1 + len(together) // LINES_WORTH_A_LANE))
        parts: list[list[BulkLine]] = [[] for _ in range(count)]
        for line in together:
            parts[crc32(line.aggregate_id.encode()) % count].append(line)
        found += [part for part in parts if part]
    return found


def requests(lines: Sequence[BulkLine], most_lines: int, most_bytes: int) -> Iterator[list[BulkLine]]:
    """The lines in order, cut so that no part has more lines or bytes than allowed; a line is never cut."""
    part: list[BulkLine] = []
    size = 0
    for line in lines:
        if part and (len(part) >= most_lines or size + len(line.body) + 1 > most_bytes):
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line.body) + 1
    if part:
        yield part
