"""A set of aggregate ids that grows, takes a few bytes an id, and errs on one side only: it may know one too many.

A chain of Bloom filters, each twice as large as the one before and more exact, so that the chain as a whole keeps its
bound. Source: P. Almeida, C. Baquero, N. Preguiça, D. Hutchison, "Scalable Bloom Filters", 2007.
"""

import struct
from collections.abc import Iterable
from hashlib import blake2b, blake2s

from rbloom import Bloom

WRONGLY = 1e-9
"""How likely an id that was never added is known. So small, since an id that is known and cannot be loaded is read
from the log again: with a hundredth of the bytes more, that happens in practice only when a row is really lost."""
FIRST = 2**14
"""Ids in the first filter, 90 kB."""
_FORMAT = b"KS1\n"
_HEAD = struct.Struct("<4sI")
_FILTER = struct.Struct("<QQ")
_CHECK = 8


class Unreadable(ValueError):
    """The bytes are not what ``KnownSubjects.to_bytes`` gave."""


def _number(subject: str) -> int:
    # Not `hash`, which differs in every process. Nobody can choose ids that look alike to this one. Measured: 0.5 µs,
    # blake2b 0.6, md5 0.7, xxhash 0.25 for one more dependency. 15 bytes, since a filter takes 128 bits with a sign.
    return int.from_bytes(blake2s(subject.encode(), digest_size=15).digest())


_PROOFS = tuple(_number(f"\0proof {n}") for n in range(4))
"""In every filter from its beginning: one that does not know them was made by another way of hashing or of placing
bits, and would deny what was added to it."""


class KnownSubjects:
    """Says of an added subject always that it is in it, and of another with a probability of at most ``WRONGLY``."""

    def __init__(self) -> None:
        self._newest_first: list[Bloom] = []
        self._counts: list[int] = []

    def __len__(self) -> int:
        """How many were added; one that was known already is not counted again."""
        return sum(self._counts)

    def __contains__(self, subject: str) -> bool:
        """Whether the subject was added, at times also when it was not. About 1 µs."""
        number = _number(subject)
        for known in self._newest_first:  # noqa: SIM110  `any` over a generator takes twice as long
            if number in known:
                return True
        return False

    def add(self, subject: str) -> None:
        """Add a subject. About 2 µs."""
        self.update((subject,))

    def update(self, subjects: Iterable[str]) -> None:
        """Add these subjects, about 2 µs each."""
        for subject in subjects:
            number = _number(subject)
            for known in self._newest_first:
                if number in known:
                    break
            else:
                if not self._counts or self._counts[0] == FIRST << len(self._counts) - 1:
                    self._grow()
                self._newest_first[0].add(number)
                self._counts[0] += 1

    @property
    def size(self) -> int:
        """Bytes in memory, and but for a few in ``to_bytes`` too."""
        return sum(known.size_in_bits for known in self._newest_first) // 8

    def to_bytes(self) -> bytes:
        """The set, with a checksum."""
        parts = [_HEAD.pack(_FORMAT, len(self._counts))]
        for known, count in zip(self._newest_first, self._counts, strict=True):
            bits = known.save_bytes()
            parts += (_FILTER.pack(count, len(bits)), bits)
        content = b"".join(parts)
        return content + blake2b(content, digest_size=_CHECK).digest()

    @classmethod
    def from_bytes(cls, stored: bytes) -> "KnownSubjects":
        """The set that ``to_bytes`` gave. Raises ``Unreadable`` (a ``ValueError``) for any other bytes."""
        content = memoryview(stored)[:-_CHECK]
        if blake2b(content, digest_size=_CHECK).digest() != stored[-_CHECK:]:
            raise Unreadable("the checksum differs")
        made = cls()
        try:
            form, filters = _HEAD.unpack_from(content)
            place = _HEAD.size
            for _ in range(filters):
                count, length = _FILTER.unpack_from(content, place)
                if not length:
                    raise Unreadable("it is of another format")
                place += _FILTER.size + length
                made._counts.append(count)
                made._newest_first.append(Bloom.load_bytes(bytes(content[place - length : place]), int))
        except struct.error as error:
            raise Unreadable("it is cut off") from error
        if form != _FORMAT or place != len(content):
            raise Unreadable("it is of another format")
        if not all(number in known for known in made._newest_first for number in _PROOFS):
            raise Unreadable("its bits were placed in another way")
        return made

    def _grow(self) -> None:
        n = len(self._counts)
        # 1/(1·2) + 1/(2·3) + … = 1: however long the chain, its errors add up to no more than the bound.
        known = Bloom((FIRST << n) + len(_PROOFS), WRONGLY / ((n + 1) * (n + 2)), int)
        known.update(_PROOFS)
        self._newest_first.insert(0, known)
        self._counts.insert(0, 0)
