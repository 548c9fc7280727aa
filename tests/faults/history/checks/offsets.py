"""Offsets have no holes, and the positions that clients are told follow the order in which they were told."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator

from tests.faults.history.evidence import Evidence, Growth, Violation
from tests.faults.history.operation import Answer, Outcome

NO_HOLES = "offsets are 0, 1, 2"
FORWARD = "positions only go forward"
HOLDS_THERE = "what changed nothing holds at the position it names"


def check(evidence: Evidence) -> Iterator[Violation]:
    """Yield what contradicts these rules."""
    for (topic, partition), records in evidence.log.items():
        for number, record in enumerate(records):
            if record.offset != number:
                yield Violation(NO_HOLES, f"{topic}/{partition}: record {number} has offset {record.offset}")
                break
    yield from _forward(evidence)
    for operation in evidence.history:
        if operation.outcome is Outcome.OK and operation.answer is not None and not operation.answer.effect:
            yield from _holds_there(evidence, operation.answer)


def _forward(evidence: Evidence) -> Iterator[Violation]:
    told = defaultdict(list)
    for operation in evidence.history:
        if operation.outcome is Outcome.OK and operation.answer is not None:
            answer = operation.answer
            told[answer.topic, answer.partition].append((operation.completed, answer.offset))
    known = {partition: Growth(seen) for partition, seen in told.items()}
    for operation in evidence.history:
        answer_now = operation.answer
        if operation.outcome is not Outcome.OK or answer_now is None or answer_now.replayed:
            continue
        before = known[answer_now.topic, answer_now.partition].before(operation.invoked)
        # What changed nothing may name a record that was there before it.
        if answer_now.offset < before + (answer_now.effect and before > 0):
            what = f"{operation.request.key}: {answer_now.topic}/{answer_now.partition}@{answer_now.offset}"
            yield Violation(FORWARD, f"{what} was told after {before} had been")


def _holds_there(evidence: Evidence, answer: Answer) -> Iterator[Violation]:
    records = evidence.aggregates.get((answer.topic, answer.subject), [])
    lowest = bisect_left(records, answer.offset, key=lambda record: record.offset)
    highest = bisect_right(records, answer.offset, key=lambda record: record.offset)
    if not lowest <= answer.version <= highest:
        place = f"{answer.topic}/{answer.partition}@{answer.offset}"
        what = f"{answer.subject} had version {answer.version} at {place}, it says; it had {lowest} to {highest}"
        yield Violation(HOLDS_THERE, what)
