"""What a run of the load generator measured: exact percentiles of all latencies, and every failure by its kind."""

import json
import math
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.load.following import Answered

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """The `QUANTILES` of one or more durations in milliseconds, by nearest rank: the smallest that so many keep to."""
    ordered = sorted(seconds)
    return {name: round(ordered[math.ceil(share * len(ordered)) - 1] * 1000, 3) for name, share in QUANTILES.items()}


class NothingAnswered(Exception):
    """No request of the measured time was answered well; the message says what happened instead."""


@dataclass(frozen=True)
class Measured:
    """One run. Latencies are of the requests that were due in the measured time and answered with 2xx."""

    clients: int
    offered: float | None
    """Requests a second that were due (open loop), None in the closed loop."""
    seconds: float
    ok: int
    """Answers of 2xx with the expected content that came within the measured time."""
    ms: dict[str, float]
    """Latency from the moment at which the request was due, by percentile."""
    late_ms: dict[str, float]
    """How much later than due requests were sent, for want of a free connection or by the generator's own fault."""
    failures: dict[str, int]
    """How many requests failed by kind, the warm-up's included."""
    sent: int
    """Requests of the whole run, the warm-up's included."""
    processor_share: float
    """The generator's own processor time, in cores."""
    until: float
    """When the measured time ended, in seconds since 1970."""
    shown: list[float] = field(default_factory=list)
    """Seconds from an answer until the query API answered with what it changed, of those that were followed."""
    answers: list[Answered] = field(default_factory=list)
    """Every good answer, where some were followed; the warm-up's too."""
    query_failures: dict[str, int] = field(default_factory=dict)
    """Queries that failed, by kind."""

    @property
    def per_second(self) -> float:
        """Answers of 2xx a second."""
        return self.ok / self.seconds

    @property
    def failed(self) -> int:
        """How many requests failed."""
        return sum(self.failures.values())

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Measured":
        """What `dumps` wrote."""
        content = json.loads(text)
        return cls(**{**content, "answers": [Answered(*each) for each in content["answers"]]})


class Tally:
    """Counts answers while a run goes on. `since` and `until` bound the measured time, by the clock of the run."""

    def __init__(self, since: float, until: float) -> None:
        self._since = since
        self._until = until
        self._latencies = array("d")
        self._lateness = array("d")
        self._failures: Counter[str] = Counter()
        self._ok = 0
        self._sent = 0

    def answered(self, due: float, sent: float, now: float, failure: str) -> None:
        """Count an answer to a request that was due and sent at these moments; `failure` is empty for a good one."""
        self._sent += 1
        if failure:
            self._failures[failure] += 1
            return
        if self._since <= now < self._until:
            self._ok += 1
        if self._since <= due < self._until:
            self._latencies.append(now - due)
            self._lateness.append(sent - due)

    def unanswered(self, count: int) -> None:
        """Count requests that were given up."""
        if count:
            self._sent += count
            self._failures["no answer"] += count

    def measured(self, clients: int, offered: float | None, processor_share: float, until: float) -> Measured:
        """What came out. Raises `NothingAnswered`."""
        if not self._latencies:
            raise NothingAnswered(f"{self._sent} requests sent; failures: {dict(self._failures)}")
        return Measured(
            clients=clients,
            offered=offered,
            seconds=self._until - self._since,
            ok=self._ok,
            ms=percentiles(self._latencies),
            late_ms=percentiles(self._lateness),
            failures=dict(self._failures),
            sent=self._sent,
            processor_share=round(processor_share, 4),
            until=until,
        )
