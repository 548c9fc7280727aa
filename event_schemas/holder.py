"""The rule of the log: which records of a partition count.

A writer takes a partition by appending a claim with a higher epoch. The holder at any point is the writer of the first
claim with the highest epoch so far; a record that is not the holder's never happened. Every reader applies this, and
every stored position keeps the holder beside the offset. Pure; knows nothing of Kafka.
"""

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

CLAIMED = "stockroom.writer.claimed.v1"
"""Type of the record by which a writer takes a partition."""
BEAT = "stockroom.writer.beat.v1"
"""Type of the record by which a holder proves that it still holds, when it has nothing else to append."""


class Holder(NamedTuple):
    """Who holds a partition: the epoch of the claim and the id under which it was made."""

    epoch: int
    writer: str


MAX_EPOCH_DIGITS = 14
"""A longer epoch is unreadable: Redis writes numbers of positions with so many digits, and rounds longer ones."""

NOBODY = Holder(0, "")
"""The holder of a partition in which nobody has claimed yet."""


class Verdict(Enum):
    """What a record is to a reader."""

    COUNTS = "counts"
    """An event of the holder: it happened."""
    CONTROL = "control"
    """A claim that took hold, or the holder's beat: no event."""
    VOID = "void"
    """Of an outdated writer, of nobody, or an outdated claim: it never happened."""


def judge(holder: Holder, headers: Iterable[tuple[str, bytes]]) -> tuple[Holder, Verdict]:
    """The holder after a record with these headers, and whether the record counts.

    A record without readable ``ce_type``, ``ce_writer`` and ``ce_epoch`` is void.
    """
    kind = writer = epoch = b""
    for name, value in headers:
        if name == "ce_type":
            kind = value
        elif name == "ce_writer":
            writer = value
        elif name == "ce_epoch":
            epoch = value
    record_holder = _holder(writer, epoch) if kind else None
    if record_holder is None:
        return holder, Verdict.VOID
    if kind == CLAIMED.encode():
        if record_holder.epoch > holder.epoch:
            return record_holder, Verdict.CONTROL
        return holder, Verdict.VOID
    if record_holder != holder:
        return holder, Verdict.VOID
    return holder, Verdict.CONTROL if kind == BEAT.encode() else Verdict.COUNTS


@lru_cache(maxsize=64)  # the records of a partition come from one writer, for a long time
def _holder(writer: bytes, epoch: bytes) -> Holder | None:
    """Whoever wrote a record; None when that cannot be read."""
    if not writer or not epoch or not epoch.isdigit() or len(epoch) > MAX_EPOCH_DIGITS:
        return None
    if not writer.isascii() or b"\x00" in writer:
        return None
    return Holder(int(epoch), writer.decode())
