"""What the write path answers when it does not carry a command out. See ``infra.http.problems`` for the tree's root.

Unavailable
├── Overloaded            503 overloaded            nothing happened
├── Abandoned             503 abandoned             nothing happened; its client has left
├── NotReady              503 partition_unavailable nothing happened
├── UnknownOutcome        503 outcome_unknown       it may have happened: repeat with the same key
├── NotLoaded             503 dependency_unavailable nothing happened
├── LogStopped            503 log_truncated, …      nothing happened; a person must look
└── Quarantined           503 aggregate_quarantined nothing happened; a person must look
Conflict
└── InProgress            409 request_in_progress, with Retry-After
KeyReused                 422 idempotency_key_reused
VersionConflict           412 version_conflict
CommandTooLarge           413 command_too_large
Misdirected               421 misdirected             nothing happened; another instance should hold the shard
Refused                   404 or 409, with the code of the rule that says no

What was decided on an aggregate names its version in ``ETag``: ``VersionConflict``, ``Refused``, ``CommandTooLarge``.
The others were given before a state was looked at: a reused key, say, is refused whatever has become of the aggregate.
"""

from http import HTTPStatus

from domain.rejected import NotFound, Rejected
from infra.http.problems import Conflict, DependencyUnavailable, Problem, Unavailable


def etag(version: int) -> dict[str, str]:
    """The header that tells the version of an aggregate; none where it is 0, since there is no aggregate then."""
    return {"ETag": f'"{version}"'} if version else {}


class Overloaded(Unavailable):
    """More commands wait than can be carried out soon."""

    code, title = "overloaded", "Too many commands are waiting"


class Abandoned(Unavailable):
    """The client left while its command was waiting, so it was not carried out. Only a log or a test sees this."""

    code, title = "abandoned", "Nobody waited for this any more"


class NotReady(Unavailable):
    """The partition is being claimed, or Kafka is away; nothing was done."""

    code, title = "partition_unavailable", "The log cannot be written at the moment"


class UnknownOutcome(Unavailable):
    """The answer of the log is missing. Repeat with the same Idempotency-Key to learn, or to have it done once."""

    code, title = "outcome_unknown", "It is not known whether this was done"


class NotLoaded(DependencyUnavailable):
    """The aggregate is not in memory, and the store that has it is ``away``; nothing was done."""

    def __init__(self, away: Exception) -> None:
        super().__init__(f"PostgreSQL, which has this aggregate, is away ({away}).")


class LogStopped(Unavailable):
    """The log is not what was acknowledged; this partition takes nothing more until a person has looked."""

    code, title, retry_after = "log_truncated", "The log is not what was acknowledged", 60


class Quarantined(Unavailable):
    """An event of this aggregate cannot be read, so nothing more is decided on it."""

    code, title, retry_after = "aggregate_quarantined", "An event of this aggregate cannot be read", 60


class InProgress(Conflict):
    """The same command is being carried out at this moment; asked again after ``Retry-After`` it has its answer."""

    code, title = "request_in_progress", "The same request is being carried out"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class KeyReused(Problem):
    """The Idempotency-Key was used for another request."""

    status, code, title = 422, "idempotency_key_reused", "The Idempotency-Key belongs to another request"


class VersionConflict(Problem):
    """The aggregate has ``version``, 0 where there is none, and If-Match or If-None-Match says otherwise."""

    status, code, title = 412, "version_conflict", "The aggregate is not as it should be"

    def __init__(self, detail: str, version: int) -> None:
        super().__init__(detail, headers=etag(version), current_version=version)


class CommandTooLarge(Problem):
    """The events of a command on an aggregate of ``version`` do not fit into one batch of the log, and are never
    split."""

    status, code, title = 413, "command_too_large", "The command is too large"

    def __init__(self, detail: str, version: int) -> None:
        super().__init__(detail, headers=etag(version))


class Misdirected(Problem):
    """Another instance sent this here, but the shard is not held here. `generation` is that of our routing."""

    status, code, title = 421, "misdirected", "Another instance holds this"


class Refused(Problem):
    """A rule of the domain says no to a command on an aggregate of ``version``, 0 where there is none."""

    status, title = HTTPStatus.CONFLICT, "A rule does not allow this"

    def __init__(self, rejected: Rejected, version: int) -> None:
        status = HTTPStatus.NOT_FOUND if isinstance(rejected, NotFound) else HTTPStatus.CONFLICT
        title = "There is no such thing" if isinstance(rejected, NotFound) else self.title
        super().__init__(
            rejected.detail, status=status, code=rejected.code, title=title, headers=etag(version), **rejected.facts
        )
