"""What happened by the log, and whether what the clients were told is true of it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from command_api.group.elsewhere import HeldElsewhere
from command_api.intent import Answer, Intent
from command_api.refusals import InProgress, KeyReused, NotReady, Quarantined, Refused, UnknownOutcome, VersionConflict
from command_api.writer.aggregate import Versioned
from command_api.writer.memory import subject_of
from command_api.writer.timers import ACTOR
from domain.decider import Decider
from domain.rejected import Rejected
from event_schemas.codec import UndecodableEvent
from event_schemas.event import Event
from event_schemas.holder import NOBODY, Verdict, judge
from event_schemas.record import LogRecord, Recorded, recorded
from infra.http.problems import DependencyUnavailable
from infra.log_audit import LogAudit, Unsound
from tests.contract.model.client import Attempt


class Violation(AssertionError):
    """A promise of the write path is broken."""


class Done(NamedTuple):
    """A command that changed something."""

    fingerprint: str
    version: int
    first: int
    last: int
    events: tuple[Event, ...]


def must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Violation(otherwise)


def counted(records: Iterable[LogRecord], quarantined: set[str]) -> Iterator[Recorded]:
    """What counts by the rule of the holder. Adds to ``quarantined`` whose events cannot be read."""
    holder = NOBODY
    for record in records:
        holder, verdict = judge(holder, record.headers)
        if verdict is Verdict.COUNTS:
            must(subject_of(record) not in quarantined, f"decided on an event that nobody can read: {record}")
            try:
                yield recorded(record)
            except UndecodableEvent:
                quarantined.add(subject_of(record))


class History:
    """The history of one topic, replayed: each command's events must follow from the state before them, and only once.

    ``intents`` are all commands that clients ever sent, by id and fingerprint.
    """

    def __init__(
        self, decider: Decider[Any], records: Iterable[LogRecord], intents: Mapping[tuple[str, str], Intent]
    ) -> None:
        self._decider = decider
        self.done: dict[str, Done] = {}
        self.states: dict[str, list[tuple[int, Versioned]]] = defaultdict(lambda: [(0, Versioned(0, decider.initial))])
        """By subject: each state, after the offset before which it holds."""
        self._quarantined: set[str] = set()
        audit = LogAudit()
        group: list[Recorded] = []
        for one in counted(records, self._quarantined):
            try:
                audit.take(one)
            except Unsound as unsound:
                raise Violation(str(unsound)) from unsound
            if group and (one.envelope.command_id, one.envelope.subject) != _cause(group[0]):
                self._take(group, intents)
                group = []
            group.append(one)
        if group:
            self._take(group, intents)

    def state(self, subject: str) -> Versioned:
        """An aggregate after all that happened."""
        return self.states[subject][-1][1]

    def _take(self, group: list[Recorded], intents: Mapping[tuple[str, str], Intent]) -> None:
        envelope, last = group[0].envelope, group[-1]
        before, at = self.state(envelope.subject), f"{last.topic}@{last.offset}"
        must(envelope.command_id not in self.done, f"{at}: command {envelope.command_id} is carried out twice")
        if envelope.actor == ACTOR:
            due = self._decider.due(before.state)
            must(due is not None and due.at <= envelope.time, f"{at}: a deadline fires that has not passed")
            assert due is not None
            command = due.command
        else:
            intent = intents[envelope.command_id, envelope.fingerprint]
            command = intent.command
            expected = intent.expected_version
            must(expected in {None, before.version}, f"{at}: decided on version {before.version}, not {expected}")
        events = tuple(one.event for one in group)
        try:
            follows = tuple(self._decider.decide(before.state, command))
        except Rejected as rejected:
            raise Violation(f"{at}: was decided on a stale state: {rejected}") from rejected
        must(events == follows, f"{at}: was decided on a stale state: {events}, not {follows}")
        after = Versioned(before.version + len(events), self._decider.fold(events, before.state))
        self.states[envelope.subject].append((last.offset + 1, after))
        self.done[envelope.command_id] = Done(envelope.fingerprint, after.version, group[0].offset, last.offset, events)

    def check(self, command_id: str, attempts: Sequence[Attempt]) -> None:
        """Raises ``Violation`` unless all that clients were told of a command was true at a moment while they waited,
        and it has not happened when all said no."""
        for attempt in attempts:
            self._check(attempt)
        if command_id in self.done:
            maybe = any(isinstance(each.outcome, Answer | UnknownOutcome | None) for each in attempts)
            must(maybe, f"{command_id} was refused, and is in the history as {self.done[command_id]}")

    def _check(self, attempt: Attempt) -> None:
        intent, outcome = attempt.intent, attempt.outcome
        done = self.done.get(intent.command_id)
        told = f"{intent.command_id} was told by {attempt.instance} at {attempt.until}: {outcome!r}"
        if isinstance(outcome, Answer | Refused | VersionConflict):
            must(intent.command.aggregate_id not in self._quarantined, f"decided on what nobody can read: {told}")
        match outcome:
            case Answer() if outcome.events or outcome.replayed:
                if done is None or done.fingerprint != intent.fingerprint:
                    raise Violation(f"acknowledged, but not in the history: {told}")
                place = outcome.version, outcome.first_offset, outcome.offset
                must(place == (done.version, done.first, done.last), f"in the history as {done}: {told}")
                must(outcome.replayed or outcome.events == done.events, f"with other events: {told}")
                must(done.last < attempt.until, f"acknowledged before it was in the log: {told}")
            case Answer():
                must(any(self._changes_nothing(each, intent, outcome) for each in self._moments(attempt)), told)
            case Refused():
                must(any(self._refusal(each, intent) == outcome.code for each in self._moments(attempt)), told)
            case VersionConflict():
                current = outcome.members["current_version"]
                must(current != intent.expected_version, told)
                must(any(each.version == current for each in self._moments(attempt)), f"stale: {told}")
            case KeyReused():
                must(done is not None and done.fingerprint != intent.fingerprint, told)
            case Quarantined():
                must(intent.command.aggregate_id in self._quarantined, told)
            case None | UnknownOutcome() | NotReady() | HeldElsewhere() | InProgress() | DependencyUnavailable():
                pass
            case _:
                raise Violation(f"no answer of a sound log: {told}")

    def _moments(self, attempt: Attempt) -> list[Versioned]:
        """The states on which the attempt may have been decided without a change: those that held while its client
        waited, and before the command's own events."""
        intent = attempt.intent
        done = self.done.get(intent.command_id) if intent.fingerprint else None
        until = attempt.until if done is None else min(attempt.until, done.first)
        states = self.states[intent.command.aggregate_id]
        ends = [start for start, _ in states[1:]] + [until + 1]
        return [
            state for (start, state), end in zip(states, ends, strict=True) if start <= until and end > attempt.since
        ]

    def _changes_nothing(self, before: Versioned, intent: Intent, answer: Answer) -> bool:
        if intent.expected_version not in {None, before.version} or before.version != answer.version:
            return False
        return self._decision(before, intent) == ()

    def _refusal(self, before: Versioned, intent: Intent) -> str:
        decision = None if intent.expected_version not in {None, before.version} else self._decision(before, intent)
        return decision if isinstance(decision, str) else ""

    def _decision(self, before: Versioned, intent: Intent) -> tuple[Event, ...] | str:
        try:
            return tuple(self._decider.decide(before.state, intent.command))
        except Rejected as rejected:
            return rejected.code


def _cause(one: Recorded) -> tuple[str, str]:
    return one.envelope.command_id, one.envelope.subject
