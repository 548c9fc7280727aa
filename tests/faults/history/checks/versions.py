"""Versions are dense, If-Match means what it says, and what was answered before something was asked comes before it."""

from collections.abc import Iterator

from tests.faults.history.evidence import Command, Evidence, Violation
from tests.faults.history.operation import Operation, Outcome

DENSE = "the versions of an aggregate are 1, 2, 3"
EXPECTED = "If-Match lets through only the version it names"
REAL_TIME = "what was answered before comes before"


def check(evidence: Evidence) -> Iterator[Violation]:
    """Yield what contradicts these rules."""
    for (topic, subject), records in evidence.aggregates.items():
        for number, record in enumerate(records, start=1):
            if record.sequence != number:
                what = f"{topic} {subject}: version {record.sequence} at offset {record.offset} is number {number}"
                yield Violation(DENSE, what)
                break
    for command in evidence.commands.values():
        yield from _expected(command)
        for operation in command.sendings:
            if operation.outcome is Outcome.OK:
                yield from _in_real_time(evidence, command, operation)


def _expected(command: Command) -> Iterator[Violation]:
    expected = command.request.expected
    if expected is not None and command.effects and command.effects[0][1].sequence != expected + 1:
        version = command.effects[0][1].sequence
        yield Violation(EXPECTED, f"{command.request.key} expected version {expected} and became version {version}")


def _in_real_time(evidence: Evidence, command: Command, operation: Operation) -> Iterator[Violation]:
    answer = operation.answer
    if answer is None or answer.replayed:
        return
    known = evidence.known_before(answer.subject, operation.invoked)
    if answer.effect and command.effects and command.effects[0][1].sequence <= known:
        sequence = command.effects[0][1].sequence
        what = f"{command.request.key} became version {sequence}; version {known} had been answered before it was sent"
        yield Violation(REAL_TIME, what)
    if not answer.effect and answer.version < known:
        what = f"{command.request.key} changed nothing at version {answer.version}; {known} had been answered before"
        yield Violation(REAL_TIME, what)
