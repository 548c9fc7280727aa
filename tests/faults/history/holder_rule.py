"""The rule of the holder, written again from its one sentence, for whoever checks those who apply it.

"The holder of a partition at any point is the writer of the first claim with the highest epoch so far; a record that is
not the holder's never happened." A claim is under an id of its own, so (epoch, writer) names one hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.history.raw_log import Raw

CLAIM, BEAT = "stockroom.writer.claimed.v1", "stockroom.writer.beat.v1"


@dataclass
class Sifted:
    """A partition's records, sorted by whether they happened."""

    counted: list[Raw] = field(default_factory=list)
    void: list[Raw] = field(default_factory=list)
    claims: int = 0
    """Claims that took hold."""
    beats: int = 0

    @property
    def gaps(self) -> int:
        """Runs of void records, one after another."""
        offsets = [record.offset for record in self.void]
        return sum(1 for before, at in zip([-2, *offsets], offsets, strict=False) if at != before + 1)


def sift(records: Sequence[Raw]) -> Sifted:
    """Sort the records of one partition, from its beginning."""
    found = Sifted()
    highest, holder = 0, ""
    for record in records:
        if record.type == CLAIM and record.epoch > highest:
            highest, holder = record.epoch, record.writer
            found.claims += 1
        elif record.type == CLAIM or not holder or (record.epoch, record.writer) != (highest, holder):
            found.void.append(record)
        elif record.type == BEAT:
            found.beats += 1
        else:
            found.counted.append(record)
    return found
