"""How much projections have set aside, and since when: read from their stores, by whoever shows it."""

import time
from collections.abc import Awaitable, Mapping
from typing import Any, NamedTuple, cast

import orjson

COUNTED = """
SELECT p.name, count(k.projection) AS records, min(NULLIF(k.appended_ms, 0)) AS oldest_ms
FROM stockroom.projections p
LEFT JOIN stockroom.parked k ON k.projection = p.name AND k.generation = p.active_generation
GROUP BY p.name
"""
"""By projection, of the generation that serves; `oldest_ms` is null where nothing is parked. Of one in Redis, which
keeps what it parks there, it tells nothing."""


class Parked(NamedTuple):
    """How many records a projection has set aside, and when the oldest was appended, in ms; None for nothing."""

    records: int
    oldest_ms: int | None

    def described(self) -> dict[str, Any]:
        """As JSON: `parked_records`, and `oldest_parked_seconds`, which is 0 where nothing is parked."""
        age = 0.0 if self.oldest_ms is None else max(0.0, round(time.time() - self.oldest_ms / 1000, 3))
        return {"parked_records": self.records, "oldest_parked_seconds": age}


async def parked_in_redis(redis: Any, prefix: str) -> Parked:
    """Of a generation in Redis: of each partition only the first record is read."""
    places = [place.decode() if isinstance(place, bytes) else place for place in await redis.hkeys(f"{prefix}parked")]
    first: dict[str, int] = {}
    for partition, _, offset in (place.partition("/") for place in places):
        first[partition] = min(int(offset), first.get(partition, int(offset)))
    if not first:
        return Parked(0, None)
    asked = [f"{partition}/{offset}" for partition, offset in first.items()]
    rows = await cast(Awaitable[list[Any]], redis.hmget(f"{prefix}parked", asked))
    appended = [cast(Mapping[str, Any], orjson.loads(row)).get("appended_ms", 0) for row in rows if row is not None]
    return Parked(len(places), min(filter(None, appended), default=None))
