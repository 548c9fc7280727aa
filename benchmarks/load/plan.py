"""What a run of the load generator shall do, handed to its process as JSON."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Plan:
    """One run: whom to load, how, and for how long.

    `rate` is in requests a second: arrivals come at that rate whatever the answers do (open loop). None is the closed
    loop: each client sends its next request when it has its answer. What is sent in the first `warm_up_seconds` is not
    counted.
    """

    host: str
    port: int
    skus: tuple[str, ...]
    """Each order or receipt is for one piece of one of them, in turn."""
    clients: int
    """Connections; each has one request in flight at most."""
    seconds: float
    """How long is measured, after the warm-up."""
    rate: float | None = None
    poisson: bool = True
    """Open loop: random gaps with the mean of 1 / rate; else all gaps are equal."""
    warm_up_seconds: float = 0.5
    prefer: str | None = None
    """The header `Prefer`, such as `wait=20`."""
    expected: str = ""
    """What the body of an answer must contain; one that does not is counted as a failure."""
    paths: tuple[str, ...] = ()
    """Where there are some, they are asked for in turn (GET), and nothing is ordered."""
    patience_seconds: float = 30.0
    """What is not answered so long after the last was sent is counted as a failure."""
    receipts: bool = False
    """Stock is received; else orders are placed."""
    followed_every: int = 0
    """The query API is asked for what every so many-th command changed, with the token of its answer; 0 is none."""
    query_port: int = 0

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Plan":
        """What `dumps` wrote."""
        content = json.loads(text)
        return cls(**{**content, "skus": tuple(content["skus"]), "paths": tuple(content["paths"])})
