"""What a run of the reference shall do and what it measured, as JSON between its process and the benchmark."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Run:
    """So many threads save orders for so long, after a warm-up that is not counted.

    `flushed` has a commit wait for the disk. `functions` has the package insert by its database function, one round
    trip, instead of a pipelined transaction under a lock of the table. `dsn` is put in by whoever makes the database.
    """

    threads: int
    seconds: float
    warm_up_seconds: float
    flushed: bool
    functions: bool
    dsn: str = ""

    @property
    def commit(self) -> str:
        """PostgreSQL's `synchronous_commit`."""
        return "on" if self.flushed else "off"

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Run":
        """What `dumps` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Saved:
    """One run: orders saved in the measured time, how long each took, and the server's own word on its durability."""

    threads: int
    functions: bool
    seconds: float
    orders: int
    ms: dict[str, float]
    server: dict[str, str]
    """What PostgreSQL answers to SHOW, asked over a connection of the application."""

    @property
    def per_second(self) -> float:
        """Orders a second."""
        return self.orders / self.seconds

    def dumps(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> "Saved":
        """What `dumps` wrote."""
        return cls(**json.loads(text))
