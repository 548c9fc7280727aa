"""What the streams have published in Redis: windows up to now, and what is bought together."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from event_schemas.topics import ORDERS
from query_api.feeds import Feed
from query_api.refusals import ProjectionMissing
from query_api.sources import Sources

STREAMS = Feed("streams", ORDERS.name, "redis")
"""As a feed: with a position, but no read model that could be waited for or rebuilt."""
WINDOWS = {"1h": "1h", "24h": "24h", "now-7d": "7d", "now-30d": "30d"}
"""Live windows as queries name them, and as the streams do."""


class Found(NamedTuple):
    """Members with their scores, highest first, and when they were published: at the earliest, of all partitions."""

    members: list[tuple[str, int]]
    as_of: datetime
    since: datetime | None
    """The first moment that counts, for a window."""


async def window(sources: Sources, name: str, limit: int) -> Found:
    """The `limit` products of which most pieces were sold in a window of `WINDOWS`. Raises `ProjectionMissing`."""
    return await _top(sources, f"now:{WINDOWS[name]}", limit, WINDOWS[name])


async def together(sources: Sources, product_id: str, limit: int) -> Found:
    """The `limit` products that came in most orders with this one. Raises `ProjectionMissing`."""
    return await _top(sources, f"also:{product_id}", limit, None)


async def _top(sources: Sources, key: str, limit: int, reach: str | None) -> Found:
    prefix = await sources.redis.prefix(STREAMS.name)
    partitions = {number: orjson.loads(told) for number, told in (await sources.redis.positions(prefix)).items()}
    if not partitions:
        raise ProjectionMissing("The streams have not published yet.")
    members = await sources.redis.top(STREAMS.name, [f"{key}:{number}" for number in partitions], limit)
    since = _earliest([told["since"][reach] for told in partitions.values()]) if reach else None
    return Found(members, _earliest([told["at"] for told in partitions.values()]), since)


def _earliest(seconds: Sequence[int]) -> datetime:
    return datetime.fromtimestamp(min(seconds), UTC)
