"""Time travel: a moment in the life of an aggregate, and what had happened to it until then, from the audit."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from fastapi import Query, Request

from event_schemas.codec import UndecodableEvent, decode
from event_schemas.event import Event
from infra.http.consistency_token import HEADER
from infra.http.header_lines import joined
from infra.http.problems import ValidationFailed
from query_api.feeds import audit_of
from query_api.refusals import EventUnreadable, HistoryTooLong, VersionNotReached
from query_api.set_aside import audit, set_aside
from query_api.sources import FromSources, Sources, wait_applied

MOST_EVENTS = 10_000
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Nothing has happened before and after these, and every zone can tell them."""

_RFC_3339 = re.compile(r"[0-9]{4}(-[0-9]{2}){2}[Tt ][0-9]{2}(:[0-9]{2}){2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")
"""Section 5.6; Python reads all of ISO 8601: weeks, dates without hyphens."""

# All events of an aggregate lie in one partition, so their offsets are their order.
HISTORY = """
SELECT sequence, type, at, value, record_offset FROM audit.{topic}
WHERE subject = $1 AND ($2::bigint IS NULL OR sequence <= $2) AND ($3::timestamptz IS NULL OR at <= $3)
ORDER BY partition, record_offset LIMIT {limit}
"""


class Moment(NamedTuple):
    """A version of an aggregate, or a business time; the other is None."""

    version: int | None
    at: datetime | None


class Past(NamedTuple):
    """An event of an aggregate's history: the version after it, when it happened, and what."""

    version: int
    at: datetime
    event: Event


AsOf = Annotated[
    str | None,
    Query(
        max_length=40,
        description="As it was: a version, or an RFC 3339 time. By time count events whose business time is not later, "
        "also those that were recorded later.",
        examples=["3", "2011-03-01T12:00:00Z"],
    ),
]


def moment_of(*topics: str) -> Callable[..., Awaitable[Moment | None]]:
    """Dependency of a route that can show the past of aggregates of these topics: the moment that it is asked for.

    With one, a Consistency-Token is waited for in the audit too. Raises `ValidationFailed`, and as `wait_applied` does.
    """
    names = tuple(map(audit_of, topics))

    async def moment(request: Request, sources: FromSources, as_of: AsOf = None) -> Moment | None:
        if as_of is None:
            return None
        found = read(as_of)
        await wait_applied(sources, names, joined(request.headers, HEADER), joined(request.headers, "prefer"))
        return found

    return moment


def read(text: str) -> Moment:
    """The moment that a text names. Raises `ValidationFailed`."""
    if re.fullmatch(r"[1-9][0-9]{0,17}", text):
        return Moment(int(text), None)
    try:
        at = datetime.fromisoformat(text.upper()) if _RFC_3339.fullmatch(text) else None
    except ValueError:
        at = None
    if at is None:
        told = "It is neither a version from 1 nor an RFC 3339 time with a zone, as 2011-03-01T12:00:00Z or %2B01:00."
        raise ValidationFailed(told, errors=[{"pointer": "query/as_of", "detail": told}])
    return Moment(None, min(max(at, EARLIEST), LATEST))


async def history(sources: Sources, topic: str, subject: str, moment: Moment) -> list[Past]:
    """What had happened to an aggregate until a moment, first event first; empty when nothing had.

    Raises `HistoryTooLong` above `MOST_EVENTS`, `EventUnreadable` for an event of a newer release, and as `must_reach`
    does for a version that it does not have.
    """
    sql = HISTORY.format(topic=topic, limit=MOST_EVENTS + 1)
    rows = await sources.postgres.rows(sql, subject, *moment)
    if len(rows) > MOST_EVENTS:
        raise HistoryTooLong(f"More than {MOST_EVENTS:,} events lead to it.")
    try:
        past = [Past(row["sequence"], row["at"], decode(row["type"], row["value"].encode())) for row in rows]
    except UndecodableEvent as error:
        raise EventUnreadable(str(error)) from error
    if moment.version is not None:
        newest = (past[-1].version, rows[-1]["record_offset"]) if past else None
        await must_reach(sources, topic, subject, moment.version, newest)
    return past


async def must_reach(sources: Sources, topic: str, subject: str, version: int, newest: tuple[int, int] | None) -> None:
    """Raises when the newest event that the audit has, by version and offset, is older than a version that is asked
    for: `VersionParked` or `VersionDropped` when it has set that event aside, else `VersionNotReached` for what it
    knows at all; the newest version counts what it has set aside.
    """
    reached, offset = newest or (0, -1)
    if reached >= version:
        return
    # Versions have no gaps, so what is missing behind the newest one are the next versions, in their order.
    most = min(version - reached, MOST_EVENTS)
    missing = await set_aside(sources.postgres, audit(topic), subject, offset + 1, most)
    if len(missing) == version - reached:
        raise missing[-1][1]
    if newest is not None or missing:
        raise VersionNotReached(f"Version {version} is not there yet.", newest=reached + len(missing))
