"""One operation on the product as its client saw it: when it was sent, when it was answered, and how it ended."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JsonObject = dict[str, Any]


class Outcome(StrEnum):
    """How an operation ended for its client."""

    OK = "ok"
    """Acknowledged."""
    FAIL = "fail"
    """Refused: it has not happened."""
    INFO = "info"
    """Unknown: it may have happened, may still happen, or never will."""


@dataclass(slots=True)
class Request:
    """A command under its key, however often it is sent. ``content`` is the command with its ``type``."""

    route: str
    key: str
    content: JsonObject
    subject: str | None = None
    """Id of the aggregate that decides it, where it is known before the answer."""
    expected: int | None = None
    """The version from If-Match."""

    @property
    def kind(self) -> str:
        """Type of the command."""
        return str(self.content["type"])


@dataclass(slots=True)
class Answer:
    """What an acknowledgement says. ``effect`` is False where the command changed nothing."""

    subject: str
    version: int
    topic: str
    partition: int
    offset: int
    effect: bool
    replayed: bool
    waited: bool = False
    """Whether the answer waited for what follows: then it names the version and position that this had reached."""
    body: JsonObject | None = None
    """The whole body of an endpoint's answer; None in a bulk's, which has nothing beyond what stands above."""


@dataclass(slots=True)
class Operation:
    """One sending of a request. Times are in seconds of one monotonic clock; what never ended is ``info``."""

    number: int
    client: int
    instance: int
    request: Request
    invoked: float
    completed: float = float("inf")
    outcome: Outcome = Outcome.INFO
    status: int = 0
    code: str = ""
    answer: Answer | None = None
    facts: JsonObject = field(default_factory=dict)
    """What a refusal says beside its code, such as ``current_version``."""
