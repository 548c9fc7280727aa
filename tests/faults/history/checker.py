"""All checks of a history against the log, and what they come to."""

from collections import Counter
from dataclasses import dataclass

from tests.faults.history.checks import acknowledgements, contents, decisions, offsets, reads, versions
from tests.faults.history.evidence import Evidence, Violation
from tests.faults.history.history import History
from tests.faults.history.operation import Outcome
from tests.faults.history.raw_log import Log
from tests.faults.history.states import States


@dataclass(frozen=True)
class Analysis:
    """What was found: the violations, and the sums of the run."""

    violations: list[Violation]
    sendings: dict[str, int]
    """By outcome."""
    acknowledged: int
    """Commands that were acknowledged at least once."""
    refusals: dict[str, int]
    """Refused sendings by code."""
    events: int
    void: int
    gaps: int
    """Runs of void records."""
    claims: int
    reads: int

    @property
    def broken(self) -> dict[str, int]:
        """Violations by rule."""
        return dict(Counter(violation.rule for violation in self.violations))

    def __str__(self) -> str:
        shown = [f"{violation.rule}: {violation.what}" for violation in self.violations[:20]]
        return "\n".join([f"{len(self.violations)} violations {self.broken}", *shown])


def check(history: History, log: Log, *, shared: bool = False) -> Analysis:
    """Hold a history against the log. ``shared``: others have written to this log too, to other aggregates."""
    evidence = Evidence(history, log, shared=shared)
    states = States(evidence)
    violations = [
        *acknowledgements.check(evidence),
        *versions.check(evidence),
        *offsets.check(evidence),
        *states.violations,
        *decisions.check(evidence, states),
        *contents.check(evidence),
        *reads.check(evidence),
    ]
    sifted = evidence.sifted.values()
    return Analysis(
        violations=violations,
        sendings={outcome.value: history.count(outcome) for outcome in Outcome},
        acknowledged=history.acknowledged_commands(),
        refusals=dict(Counter(o.code for o in history if o.outcome is Outcome.FAIL)),
        events=sum(len(each.counted) for each in sifted),
        void=sum(len(each.void) for each in sifted),
        gaps=sum(each.gaps for each in sifted),
        claims=sum(each.claims for each in sifted),
        reads=len(history.reads),
    )
