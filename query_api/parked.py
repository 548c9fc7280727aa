"""How much each read model has set aside, as the stores tell it."""

from typing import Any

import structlog

from infra.http.problems import Unavailable
from infra.parked import COUNTED, Parked
from query_api.feeds import FEEDS
from query_api.sources import Sources

log = structlog.get_logger()

PARKED = "parked", "parked_records", "oldest_parked_seconds"
_IN_REDIS = {feed.name for feed in FEEDS.values() if feed.store == "redis"}


async def parked_of(sources: Sources) -> dict[str, dict[str, Any]]:
    """`PARKED` by read model; without those whose store does not answer."""
    known: dict[str, dict[str, Any]] = {}
    try:
        rows = await sources.postgres.rows(COUNTED)
        for row in rows:
            if row["name"] not in _IN_REDIS:
                known[row["name"]] = _described(Parked(row["records"], row["oldest_ms"]))
        for name in _IN_REDIS.intersection(row["name"] for row in rows):
            known[name] = _described(await sources.redis.parked(await sources.redis.prefix(name)))
    except Unavailable as away:
        log.warning("parked_partly_unknown", code=away.code, detail=away.detail)
    return known


def _described(parked: Parked) -> dict[str, Any]:
    return {"parked": parked.records, **parked.described()}
