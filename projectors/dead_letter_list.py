"""What is parked in the serving generations, for operators: found, and told as a line or as JSON."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import asyncpg
from redis.asyncio import Redis

from projectors import parked_rows
from projectors import redis_keys as names
from projectors.projection import Projection
from projectors.store import Parked

ERROR_WIDTH = 100


class DeadLetter(NamedTuple):
    """A parked record, and the projection that parked it."""

    projection: str
    parked: Parked

    def line(self, now: float) -> str:
        """In one line; ``now`` in seconds since 1970."""
        parked = self.parked
        age = now - parked.record.appended_ms / 1000
        error = " ".join(parked.error.split())[:ERROR_WIDTH]
        tries = f"{parked.attempts} tries" if parked.attempts > 1 else "1 try"
        return f"{self.projection}  {parked.place}  {parked.key}  {parked.code}  {tries}  {age:,.0f} s old  {error}"

    def described(self) -> dict[str, Any]:
        """As JSON, without its content."""
        parked = self.parked
        appended = datetime.fromtimestamp(parked.record.appended_ms / 1000, UTC)
        return {
            "projection": self.projection,
            "place": parked.place,
            "key": parked.key,
            "code": parked.code,
            "error": parked.error,
            "attempts": parked.attempts,
            "appended_at": appended.isoformat(timespec="milliseconds"),
        }

    def whole(self) -> dict[str, Any]:
        """As JSON, with headers and value as text."""
        record = self.parked.record
        return {
            **self.described(),
            "headers": {name: (value or b"").decode(errors="replace") for name, value in record.headers},
            "value": None if record.value is None else record.value.decode(errors="replace"),
        }


async def dead_letters(pool: asyncpg.Pool, redis: Redis, projections: Sequence[Projection]) -> list[DeadLetter]:
    """The parked records of projections, in log order by projection and partition."""
    found = []
    for projection in projections:
        if projection.store == "redis":
            serving = int(await redis.get(names.active_key(projection.name)) or 0)
            rows = names.in_log_order(await redis.hvals(f"{names.prefix(projection.name, serving)}parked"))
        else:
            async with pool.acquire() as connection:
                try:
                    rows = await parked_rows.of_serving(connection, projection.name)
                except asyncpg.UndefinedTableError:
                    rows = []  # no projector has ever run here
        found += [DeadLetter(projection.name, one) for one in rows]
    return found
