"""Remembered commands packed together, as memory and snapshots keep them: found by a digest, decoded when asked for."""

import struct
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import NamedTuple

import orjson

from command_api.snapshots.snapshot import Keys

ROWS = 500
"""Commands in a segment, at most: packing so many takes 1 ms, in which nothing else runs."""
_FORMAT = 0x4B455931
_HEAD = struct.Struct("=III")  # native byte order: on a machine of the other one it is not this format


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
    rows, ends = bytearray(), []
    by_age = sorted(commands.items(), key=lambda item: item[1].appended_ms)
    for command_id, it in by_age:
        rows += orjson.dumps((command_id, it.fingerprint, it.subject, it.version, it.first_offset, it.last_offset))
        ends.append(len(rows))
    count = len(by_age)
    head = _HEAD.pack(_FORMAT, count, len(rows))
    digests = struct.pack(f"={count}Q", *(digest(command_id) for command_id, _ in by_age))
    ages = struct.pack(f"={count}Q", *(it.appended_ms for _, it in by_age))
    packed = b"".join((head, digests, ages, struct.pack(f"={count}I", *ends), rows))
    return Keys(packed, count, by_age[-1][1].appended_ms)


def joined(parts: list[Keys]) -> Keys | None:
    """What several calls of ``pack`` gave, in one; None when they gave nothing."""
    if not parts:
        return None
    return Keys(
        b"".join(part.packed for part in parts),
        sum(part.count for part in parts),
        max(part.newest_ms for part in parts),
    )


class Segment:
    """Commands of one partition, the oldest first, still packed."""

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
        begin = self._ends[number - 1] if number else 0
        command_id, fingerprint, subject, version, first, last = orjson.loads(self._rows[begin : self._ends[number]])
        place = (self.topic, self.partition, first, last, self.ages[number])
        return command_id, Remembered(fingerprint, subject, version, *place)


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
