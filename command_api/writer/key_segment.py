"""Remembered commands packed together, as memory and snapshots keep them: found by a digest, decoded when asked for."""

import struct
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

import orjson

from command_api.snapshots.snapshot import Keys

ROWS = 500
"""Commands in a segment, at most: packing so many takes 1 ms, in which nothing else runs."""
FEW = 50
"""A save with fewer commands is not worth a segment of its own."""
_FORMAT = 0x4B455931
_HEAD = struct.Struct("=III")  # native byte order: on a machine of the other one it is not this format


Row = tuple[int, int, bytes | memoryview]
"""A command as it is packed: its age, the digest of its id, the rest."""


class Unreadable(ValueError):
    """The bytes are not what ``pack`` gave."""


class Remembered(NamedTuple):
    """A command that was carried out, by the last of its events."""

    fingerprint: str
    subject: str
    version: int
    topic: str
    partition: int
    first_offset: int
    last_offset: int
    appended_ms: int

    def extended(self, later: "Remembered") -> "Remembered":
        """The command with a later event of it taken in."""
        return later._replace(first_offset=min(self.first_offset, later.first_offset))


def digest(command_id: str) -> int:
    """64 bits of a command's id. Two ids alike are one in 10^19, and then one of them is not remembered."""
    return int.from_bytes(blake2b(command_id.encode(), digest_size=8).digest())


def pack(commands: Mapping[str, Remembered]) -> Keys | None:
    """These commands of one partition, None when there are none. Takes 2 µs for each."""
    if not commands:
        return None
    rows: list[Row] = []
    for command_id, it in commands.items():
        row = orjson.dumps((command_id, it.fingerprint, it.subject, it.version, it.first_offset, it.last_offset))
        rows.append((it.appended_ms, digest(command_id), row))
    return _packed(rows)


def _packed(rows: list[Row]) -> Keys:
    rows.sort(key=itemgetter(0))
    ages, digests, texts = zip(*rows, strict=True)
    count, text = len(rows), b"".join(texts)
    head = _HEAD.pack(_FORMAT, count, len(text))
    longs = struct.pack(f"={2 * count}Q", *digests, *ages)
    ends = struct.pack(f"={count}I", *accumulate(map(len, texts)))
    return Keys(b"".join((head, longs, ends, text)), count, ages[-1])


def joined(parts: list[Keys]) -> Keys | None:
    """What several calls of ``pack`` gave, in one; None when they gave nothing."""
    if not parts:
        return None
    return Keys(
        b"".join(part.packed for part in parts),
        sum(part.count for part in parts),
        max(part.newest_ms for part in parts),
    )


def merged(saves: Iterable[Keys]) -> Iterator[Keys]:
    """What the saves of one partition packed, in their order; where they had few commands, that of several in one
    segment: one for each of them takes 1.4 kB. Raises ``Unreadable``."""
    rows: list[Row] = []
    for keys in saves:
        if keys.count < FEW:
            rows += (row for segment in segments(keys.packed, "", 0) for row in segment.packed_rows())
        if rows and (keys.count >= FEW or len(rows) >= ROWS - FEW):
            yield _packed(rows)  # before what follows: of two rows of one command the later one counts
            rows = []
        if keys.count >= FEW:
            yield keys
    if rows:
        yield _packed(rows)


class Segment:
    """Commands of one partition, the oldest first, still packed."""

    __slots__ = ("_ends", "_rows", "ages", "digests", "partition", "topic")

    def __init__(self, topic: str, partition: int, packed: memoryview, count: int) -> None:
        self.topic = topic
        self.partition = partition
        self.digests = packed[: 8 * count].cast("Q")
        self.ages = packed[8 * count : 16 * count].cast("Q")
        """Times of append, milliseconds since 1970, rising."""
        self._ends = packed[16 * count : 20 * count].cast("I")
        self._rows = packed[20 * count :]

    def __len__(self) -> int:
        return len(self.digests)

    def row(self, number: int) -> tuple[str, Remembered]:
        """Id and memory of one command."""
        command_id, fingerprint, subject, version, first, last = orjson.loads(self._text(number))
        place = (self.topic, self.partition, first, last, self.ages[number])
        return command_id, Remembered(fingerprint, subject, version, *place)

    def packed_rows(self) -> Iterator[Row]:
        """All commands, none of them decoded."""
        return zip(self.ages, self.digests, map(self._text, range(len(self))), strict=True)

    def _text(self, number: int) -> memoryview:
        begin = self._ends[number - 1] if number else 0
        return self._rows[begin : self._ends[number]]


def segments(packed: bytes, topic: str, partition: int) -> Iterator[Segment]:
    """The segments in what ``joined`` or ``pack`` gave. Raises ``Unreadable``."""
    content, place = memoryview(packed), 0
    while place < len(content):
        try:
            form, count, length = _HEAD.unpack_from(content, place)
        except struct.error as error:
            raise Unreadable("keys of commands are cut off") from error
        begin, place = place + _HEAD.size, place + _HEAD.size + 20 * count + length
        if form != _FORMAT or not count or place > len(content):
            raise Unreadable("keys of commands are of another format")
        yield Segment(topic, partition, content[begin:place], count)
