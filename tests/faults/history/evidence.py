"""A history and a log laid side by side: the commands with all their sendings, the aggregates with all that counts."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from command_api.request import command_identity
from infra.principal import OPERATOR
from tests.faults.history.history import History
from tests.faults.history.holder_rule import Sifted, sift
from tests.faults.history.operation import Operation, Outcome, Request
from tests.faults.history.raw_log import Log, Partition, Raw

Aggregate = tuple[str, str]
"""Topic and id."""


@dataclass(frozen=True)
class Violation:
    """A rule of an invariant that was broken: which, and where it is seen."""

    rule: str
    what: str


@dataclass
class Command:
    """A request, every time it was sent, and what of it counts in the log."""

    request: Request
    id: str
    sendings: list[Operation] = field(default_factory=list)
    effects: list[tuple[Partition, Raw]] = field(default_factory=list)

    @property
    def first_invoked(self) -> float:
        """When it was sent for the first time."""
        return min(operation.invoked for operation in self.sendings)


class Growth:
    """A number that only grows, by the moments at which it was seen: asked for the highest before a moment."""

    def __init__(self, seen: Iterable[tuple[float, int]]) -> None:
        self._times: list[float] = []
        self._highest: list[int] = []
        for at, number in sorted(seen):
            self._times.append(at)
            self._highest.append(max(number, self._highest[-1]) if self._highest else number)

    def before(self, at: float) -> int:
        """The highest that was seen before that moment, 0 if nothing was."""
        index = bisect_left(self._times, at)
        return self._highest[index - 1] if index else 0

    def until(self, at: float) -> int:
        """The highest that was seen up to that moment, 0 if nothing was."""
        index = bisect_right(self._times, at)
        return self._highest[index - 1] if index else 0


class Evidence:
    """What the checks look at, indexed once."""

    def __init__(self, history: History, log: Log, *, shared: bool = False) -> None:
        """``shared``: others have written to this log too, so only the aggregates of this history are looked at."""
        self.history, self.log = history, log
        self.sifted: dict[Partition, Sifted] = {partition: sift(records) for partition, records in log.items()}
        self.commands: dict[str, Command] = {}
        for operation in history:
            request = operation.request
            identity = command_identity(OPERATOR, request.route, request.key)
            self.commands.setdefault(identity, Command(request, identity)).sendings.append(operation)
        subjects = {operation.request.subject for operation in history} if shared else None
        self.aggregates: dict[Aggregate, list[Raw]] = defaultdict(list)
        self.strangers: list[tuple[Partition, Raw]] = []
        """What counts in the log without a command of this history."""
        for partition, sifted in self.sifted.items():
            for record in sifted.counted:
                if subjects is not None and record.key not in subjects:
                    continue
                self.aggregates[partition[0], record.key].append(record)
                command = self.commands.get(record.command_id)
                if command is not None:
                    command.effects.append((partition, record))
                else:
                    self.strangers.append((partition, record))
        self._known = self._growth_of_acknowledged()
        self._possible = self._growth_of_sent()

    def _growth_of_acknowledged(self) -> dict[str, Growth]:
        seen: dict[str, list[tuple[float, int]]] = defaultdict(list)
        for operation in self.history:
            if operation.outcome is Outcome.OK and operation.answer is not None:
                seen[operation.answer.subject].append((operation.completed, operation.answer.version))
        return {subject: Growth(numbers) for subject, numbers in seen.items()}

    def _growth_of_sent(self) -> dict[str, Growth]:
        sent = {command.id: command.first_invoked for command in self.commands.values()}
        return {
            subject: Growth((sent.get(record.command_id, 0.0), record.sequence) for record in records)
            for (_, subject), records in self.aggregates.items()
        }

    def known_before(self, subject: str, at: float) -> int:
        """The highest version of an aggregate that somebody had been told before that moment."""
        growth = self._known.get(subject)
        return growth.before(at) if growth else 0

    def possible_until(self, subject: str, at: float) -> int:
        """The highest version that an aggregate can have had at that moment: whose command had been sent by then."""
        growth = self._possible.get(subject)
        return growth.until(at) if growth else 0

    def window(self, operation: Operation) -> range:
        """The versions of its aggregate on which an operation can have been decided."""
        subject = operation.request.subject or ""
        low = self.known_before(subject, operation.invoked)
        return range(low, max(low, self.possible_until(subject, operation.completed)) + 1)
