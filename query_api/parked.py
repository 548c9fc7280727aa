"""What the stores tell of each read model beside its positions: its versions, and what it has set aside."""

from typing import Any

import structlog

from infra.http.problems import Unavailable
from infra.parked import COUNTED, Parked
from query_api.feeds import FEEDS
from query_api.sources import Sources

log = structlog.get_logger()

VERSIONS = "version", "wanted_version", "out_of_date", "kept_generation", "kept_version"
_VERSIONS = """
SELECT p.name, p.version,
       (to_jsonb(p)->>'wanted_version')::int AS wanted_version,
       (to_jsonb(p)->>'kept_generation')::int AS kept_generation,
       (to_jsonb(p)->>'kept_version')::int AS kept_version
FROM stockroom.projections p
"""
"""By `to_jsonb` newer columns may be missing: queries are answered before projectors of this release have started."""


async def known_of(sources: Sources) -> dict[str, dict[str, Any]]:
    """`VERSIONS` and parked records by read model; without those whose store does not answer."""
    known: dict[str, dict[str, Any]] = {}
    in_redis = {feed.name for feed in FEEDS.values() if feed.store == "redis"}
    try:
        for row in await sources.postgres.rows(_VERSIONS):
            out_of_date = row["wanted_version"] not in (None, row["version"])
            known[row["name"]] = {**dict(row), "out_of_date": out_of_date}
        for row in await sources.postgres.rows(COUNTED):
            if row["name"] not in in_redis:
                known[row["name"]] = known.get(row["name"], {}) | _parked(Parked(row["records"], row["oldest_ms"]))
        for name in in_redis & known.keys():
            known[name] |= _parked(await sources.redis.parked(await sources.redis.prefix(name)))
    except Unavailable as away:
        log.warning("projections_partly_unknown", code=away.code, detail=away.detail)
    return known


def _parked(parked: Parked) -> dict[str, Any]:
    return {"parked": parked.records, **parked.described()}
