"""What an import has to tell: the rows it refused by reason, what became of the commands, and how fast it was."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

KEPT_EXAMPLES = 3
EXAMPLE_WIDTH = 90


@dataclass
class Refusals:
    """Refused rows by reason: how many, and the first few of each with their lines."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, line: int, fields: Iterable[str], count: int = 1) -> None:
        """Note `count` rows of a file with one of them as the example; `line` is its line in the file."""
        self.note(reason, f"line {line}: {','.join(fields)[:EXAMPLE_WIDTH]}", count)

    def note(self, reason: str, example: str, count: int = 1) -> None:
        """Note something that was refused; the first few examples of a reason are kept."""
        self.counts[reason] += count
        kept = self.examples.setdefault(reason, [])
        if len(kept) < KEPT_EXAMPLES:
            kept.append(example)

    def lines(self, title: str) -> list[str]:
        """As text: a line a reason with its count, the examples below it. Empty when nothing was refused."""
        if not self.counts:
            return []
        text = [title]
        for reason, count in self.counts.most_common():
            text.append(f"  {reason:<24} {count:>9,}")
            text += [f"      {example}" for example in self.examples[reason]]
        return text


@dataclass
class Tally:
    """What became of the commands of one kind."""

    done: int = 0
    already_there: int = 0
    differing: Refusals = field(default_factory=Refusals)
    """Known already, with other contents: what is there was kept. By code."""
    refused: Refusals = field(default_factory=Refusals)
    """Refused by the command API, by code."""


@dataclass
class Outcome:
    """What became of all commands, by kind (`products`, `receipts`, `orders`, `adjustments`), and how long it took."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    seconds: float = 0.0
    attempts_again: int = 0

    def of(self, kind: str) -> Tally:
        """The tally of one kind, begun at the first call."""
        return self.tallies.setdefault(kind, Tally())

    @property
    def commands(self) -> int:
        """Commands that were answered for good."""
        return sum(
            t.done + t.already_there + t.differing.counts.total() + t.refused.counts.total()
            for t in self.tallies.values()
        )

    @property
    def refused(self) -> int:
        """Commands that the command API refused."""
        return sum(t.refused.counts.total() for t in self.tallies.values())

    def lines(self) -> list[str]:
        """As text: one table, then refusals and differences with examples."""
        text = [f"{'':<14}{'done':>10}{'already there':>15}{'kept, differs':>15}{'refused':>10}"]
        for kind, t in self.tallies.items():
            differing, refused = t.differing.counts.total(), t.refused.counts.total()
            text.append(f"{kind:<14}{t.done:>10,}{t.already_there:>15,}{differing:>15,}{refused:>10,}")
        for kind, t in self.tallies.items():
            text += t.differing.lines(f"{kind}: there already with other contents, kept as they are")
            text += t.refused.lines(f"{kind}: refused by the command API")
        rate = self.commands / self.seconds if self.seconds else 0.0
        again = f", {self.attempts_again:,} requests sent again" if self.attempts_again else ""
        text.append(f"{self.commands:,} commands in {self.seconds:.1f} s, {rate:,.0f}/s{again}")
        return text
