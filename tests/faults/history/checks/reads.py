"""A read with a token sees the write that the token stands for, and reads only go forward."""

from collections import defaultdict
from collections.abc import Iterator

from tests.faults.history.evidence import Aggregate, Evidence, Growth, Violation

SEES_WRITE = "a read with a token sees its write"
FORWARD = "reads only go forward"
SHOWN = "what is read is in the log"


def check(evidence: Evidence) -> Iterator[Violation]:
    """Yield what contradicts these rules."""
    shown: dict[Aggregate, list[tuple[float, int]]] = defaultdict(list)
    for read in evidence.history.reads:
        shown[read.topic, read.subject].append((read.completed, read.version))
    highest = {aggregate: Growth(seen) for aggregate, seen in shown.items()}
    for read in evidence.history.reads:
        what = f"{read.topic} {read.subject} was shown at version {read.version}"
        before = highest[read.topic, read.subject].before(read.invoked)
        if read.version < read.told:
            yield Violation(SEES_WRITE, f"{what}, for the token of version {read.told}")
        if read.version < before:
            yield Violation(FORWARD, f"{what}, after version {before} had been")
        if read.version > (there := len(evidence.aggregates.get((read.topic, read.subject), []))):
            yield Violation(SHOWN, f"{what}, it has {there}")
