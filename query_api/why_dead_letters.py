"""What of some events could not be applied or reacted to, or was dropped: from PostgreSQL, and from Redis by place."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from infra.http.problems import DependencyUnavailable
from query_api.feeds import FEEDS, Feed
from query_api.postgres import Postgres
from query_api.refusals import ProjectionMissing
from query_api.sources import Sources
from query_api.why_tree import Json, Place, by_place, place_of

MOST = 200
"""Dead letters, and refused commands, of each kind that are told: the newest."""
PARKED = f"""
SELECT k.projection AS reader, k.error_code AS code, k.error, k.key, k.topic, k.partition, k.record_offset
FROM stockroom.parked k
JOIN stockroom.projections p ON p.name = k.projection AND p.active_generation = k.generation
WHERE k.key = ANY($1::text[]) OR k.headers @> ANY($2::jsonb[])
ORDER BY k.parked_at DESC, k.topic DESC, k.partition DESC, k.record_offset DESC, k.projection DESC LIMIT {MOST + 1}
"""
DROPPED = f"""
SELECT projection AS reader, 'dropped' AS code, reason || ' (' || actor || ')' AS error, key, topic, partition,
       record_offset
FROM operations.voided_records
WHERE key = ANY($1::text[])
   OR (topic, partition, record_offset) IN (SELECT * FROM unnest($2::text[], $3::int[], $4::bigint[]))
ORDER BY at DESC LIMIT {MOST + 1}
"""
PARKED_BY_POLICIES = f"""
SELECT policy AS reader, error_code AS code, error, convert_from(key, 'UTF8') AS key, topic, partition, record_offset
FROM policies.parked WHERE key = ANY($1::bytea[])
ORDER BY parked_at DESC, topic DESC, partition DESC, record_offset DESC, policy DESC LIMIT {MOST + 1}
"""
DROPPED_BY_POLICIES = f"""
SELECT policy AS reader, 'dropped' AS code, reason || ' (' || actor || ')' AS error, key, topic, partition,
       record_offset
FROM policies.dropped
WHERE key = ANY($1::bytea[])
   OR (topic, partition, record_offset) IN (SELECT * FROM unnest($2::text[], $3::int[], $4::bigint[]))
ORDER BY at DESC, topic DESC, partition DESC, record_offset DESC, policy DESC LIMIT {MOST + 1}
"""
REFUSED = f"""
SELECT policy, command_type, aggregate_id, code, detail, line FROM policies.refused
WHERE aggregate_id = ANY($1::text[]) ORDER BY refused_at DESC LIMIT {MOST + 1}
"""
IN_REDIS = tuple(feed for feed in FEEDS.values() if feed.store == "redis")


class Letters(NamedTuple):
    """Dead letters by place; the read models of which nobody can tell, as Redis does not answer; whether some are left
    out, as there are more than `MOST`."""

    by_place: dict[Place, list[Json]]
    untold: list[str]
    truncated: bool


async def dead_letters_of(
    sources: Sources, subjects: Collection[str], stories: Collection[str], places: Collection[Place]
) -> Letters:
    """What of these aggregates, stories or places is parked or was dropped, the newest `MOST` of each kind. In Redis
    only places are looked at: these, and those found elsewhere.
    """
    stamped = [orjson.dumps([["ce_correlationid", story]]).decode() for story in stories]
    postgres = sources.postgres
    parked = list(map(dict, await postgres.rows(PARKED, list(subjects), stamped)))
    topics, numbers, offsets = map(list, zip(*places, strict=True)) if places else ([], [], [])
    dropped = await _if_there(postgres, DROPPED, list(subjects), topics, numbers, offsets)
    keys = [subject.encode() for subject in subjects]
    by_policies = await _if_there(postgres, PARKED_BY_POLICIES, keys)
    of_policies = await _if_there(postgres, DROPPED_BY_POLICIES, keys, topics, numbers, offsets)
    for row in of_policies:
        row["key"] = row["key"].decode(errors="replace")  # any bytes, where it is found by its place
    kinds = parked, dropped, by_policies, of_policies
    rows = [row for kind in kinds for row in _told(kind)]
    untold: list[str] = []
    wanted = {*places, *map(place_of, rows)}
    for feed in IN_REDIS:
        try:
            rows += await _in_redis(sources, feed, wanted)
        except DependencyUnavailable:
            untold.append(feed.name)
    shown = ("reader", "code", "error", "key", "topic", "partition")
    found = by_place(
        (place_of(row), {**{name: row[name] for name in shown}, "offset": row["record_offset"]}) for row in rows
    )
    return Letters(found, untold, any(len(kind) > MOST for kind in kinds))


async def refused_of(postgres: Postgres, subjects: Collection[str]) -> tuple[dict[str, list[Json]], bool]:
    """The newest `MOST` commands of policies to these aggregates that were refused for good, by the id of the event
    that led to them; and whether there are more."""
    found: dict[str, list[Json]] = {}
    rows = await _if_there(postgres, REFUSED, list(subjects))
    for row in _told(rows):
        cause = str(orjson.loads(row["line"]).get("causation_id", ""))
        found.setdefault(cause, []).append({name: value for name, value in row.items() if name != "line"})
    return found, len(rows) > MOST


def _told(newest_first: list[Json]) -> list[Json]:
    """The newest `MOST` of these, oldest first."""
    return newest_first[:MOST][::-1]


async def _in_redis(sources: Sources, feed: Feed, places: Iterable[Place]) -> list[Json]:
    here = [(number, offset) for topic, number, offset in places if topic == feed.topic]
    try:
        parked = await sources.redis.parked_at(await sources.redis.prefix(feed.name), here) if here else []
    except ProjectionMissing:
        parked = []
    return [_letter(feed, one) for one in parked]


def _letter(feed: Feed, parked: Mapping[str, Any]) -> Json:
    told = {"code": parked["error_code"], "error": parked["error"], "key": parked["key"]}
    where = {"topic": feed.topic, "partition": parked["partition"], "record_offset": parked["offset"]}
    return {"reader": feed.name, **told, **where}


async def _if_there(postgres: Postgres, sql: str, *arguments: list[Any]) -> list[Json]:
    """Rows of a table of another process; none where that has never run."""
    try:
        return list(map(dict, await postgres.rows(sql, *arguments)))
    except ProjectionMissing:
        return []
