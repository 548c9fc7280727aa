"""A command with all that is known of it beside its fields, and what became of it."""

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from domain.decider import Command
from event_schemas.event import Event
from infra.http.client_gone import ClientGone, nobody

LONG_WAIT_SECONDS = 0.25
"""After this a queued command is not decided any more when its client has left."""


class Place(NamedTuple):
    """The place of a record in the log."""

    topic: str
    partition: int
    offset: int


class Intent(NamedTuple):
    """A command on its way to its aggregate."""

    command: Command
    command_id: str
    """Identity of the command; a repeat has the same."""
    fingerprint: str
    """Hash of the request; empty where ``command_id`` already says all."""
    actor: str
    correlation_id: str
    causation_id: str
    at: datetime | None = None
    """Business time; None is now."""
    expected_version: int | None = None
    """The version that the aggregate must have, from If-Match; 0 where it must not exist, from If-None-Match."""
    must_exist: bool = False
    """Whether there must be an aggregate, whatever its version: the ``*`` of If-Match."""
    follows: tuple[Place, ...] = ()
    """Records that the command follows from, the last of each partition: who waits for it wants to see those too."""
    gone: ClientGone = nobody
    """Says whether who sent it has left, so that nobody waits for what becomes of it."""
    since: float | None = None
    """When it was asked for, on the monotonic clock in seconds; None is when it is queued."""


class Answer(NamedTuple):
    """What became of a command: the events it appended, and where its aggregate stands."""

    subject: str
    version: int
    topic: str
    partition: int
    offset: int
    """Offset of the command's last event; where it appended none, of a record up to which its answer holds."""
    first_offset: int
    """Offset of its first event."""
    events: tuple[Event, ...] = ()
    """Its events; not read back for a replayed answer."""
    state: Any = None
    """The aggregate after it; None in a replayed answer."""
    replayed: bool = False
    seen: tuple[Place, ...] = ()
    """Places of other partitions that were waited for with it."""

    @property
    def position(self) -> str:
        """Where in the log it lies, as ``orders/3@1842``."""
        return f"{self.topic}/{self.partition}@{self.offset}"


class Pending:
    """A command that waits in a writer's queue, or whose batch is on its way."""

    __slots__ = ("future", "intent", "since")

    def __init__(self, intent: Intent, future: "asyncio.Future[Answer]") -> None:
        self.intent = intent
        self.future = future
        self.since = time.monotonic() if intent.since is None else intent.since

    def abandoned(self, now: float) -> bool:
        """Whether it has waited long by ``now``, on the monotonic clock, and nobody waits for it any more."""
        return now - self.since > LONG_WAIT_SECONDS and self.intent.gone()


def refuse(pendings: Iterable[Pending], problem: Exception) -> None:
    """Answer with a problem those of these commands that have no answer yet."""
    for pending in pendings:
        if not pending.future.done():
            pending.future.set_exception(problem)
