"""Every acknowledgement is in the log once, where it says; no refusal is; one key has one effect and one answer."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from tests.faults.history.evidence import Command, Evidence, Violation
from tests.faults.history.operation import Answer, Outcome

ACKNOWLEDGED = "what is acknowledged is in the log once, at its place"
REFUSED = "what is refused is not in the log"
ONE_EFFECT = "one effect per key"
SAME_ANSWER = "the same answer to each repeat"
NOBODY_ASKED = "what counts in the log was asked for"


def check(evidence: Evidence) -> Iterator[Violation]:
    """Yield what contradicts these rules."""
    for command in evidence.commands.values():
        yield from _one_effect(command)
        yield from _acknowledged(command)
        yield from _refused(command)
        yield from _same_answer(command)
    ids = Counter(record.event_id for sifted in evidence.sifted.values() for record in sifted.counted)
    yield from (Violation(ONE_EFFECT, f"event {event} is there {n} times") for event, n in ids.items() if n > 1)
    for (topic, partition), record in evidence.strangers:
        if not record.actor.startswith("system:"):
            yield Violation(NOBODY_ASKED, f"{topic}/{partition}@{record.offset}: {record.type} of {record.key}")


def _one_effect(command: Command) -> Iterator[Violation]:
    for (before_at, before), (at, record) in zip(command.effects, command.effects[1:], strict=False):
        follows = (record.offset, record.sequence) == (before.offset + 1, before.sequence + 1)
        same_hold = (record.writer, record.epoch, record.key) == (before.writer, before.epoch, before.key)
        if before_at != at or not follows or not same_hold:
            places = f"{before_at}@{before.offset} and {at}@{record.offset}"
            yield Violation(ONE_EFFECT, f"{_name(command)} is at {places}: not one unbroken effect")


def _acknowledged(command: Command) -> Iterator[Violation]:
    for operation in command.sendings:
        answer = operation.answer
        if operation.outcome is not Outcome.OK or answer is None or not answer.effect:
            continue
        told = answer.subject, answer.topic, answer.partition, answer.version, answer.offset
        if not command.effects:
            yield Violation(ACKNOWLEDGED, f"{_name(command)} was acknowledged as {told}, and is not in the log")
            continue
        (topic, partition), last = command.effects[-1]
        found = last.key, topic, partition, last.sequence, last.offset
        at_least = answer.waited and told[:3] == found[:3] and told[3] >= found[3] and told[4] >= found[4]
        if told != found and not at_least:
            yield Violation(ACKNOWLEDGED, f"{_name(command)} was acknowledged as {told}, and lies at {found}")
        if answer.body is not None and "events" in answer.body:
            types = [event["type"] for event in answer.body["events"]]
            if types != [record.type for _, record in command.effects]:
                yield Violation(ACKNOWLEDGED, f"{_name(command)} was answered with {types}, which is not what is there")


def _refused(command: Command) -> Iterator[Violation]:
    may_have_happened = any(
        operation.outcome is Outcome.INFO or (operation.answer is not None and operation.answer.effect)
        for operation in command.sendings
    )
    if command.effects and not may_have_happened:
        (topic, partition), record = command.effects[0]
        answers = sorted({operation.code or "no change" for operation in command.sendings})
        place = f"{topic}/{partition}@{record.offset}"
        yield Violation(REFUSED, f"{_name(command)} was answered with {answers}, and is in the log at {place}")


def _same_answer(command: Command) -> Iterator[Violation]:
    answers = [o.answer for o in command.sendings if o.answer is not None and o.answer.effect]
    firsts = [answer for answer in answers if not answer.replayed]
    if len(firsts) > 1:
        yield Violation(SAME_ANSWER, f"{_name(command)} was carried out {len(firsts)} times, not repeated")
    for answer in answers[1:]:
        if not _same(answer, answers[0]):
            yield Violation(SAME_ANSWER, f"{_name(command)}: {answers[0]} and then {answer}")


def _same(one: Answer, other: Answer) -> bool:
    """One that waited for what follows names what had been reached by then."""
    if one.waited or other.waited:
        return one.subject == other.subject
    return replace(one, replayed=False) == replace(other, replayed=False)


def _name(command: Command) -> str:
    return f"{command.request.kind} {command.request.key}"
