"""One line of `doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is: `fail` keeps `up` from working, `warn` may matter."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it (nothing, when all is well)."""

    level: Level
    subject: str
    text: str
    advice: str = ""
