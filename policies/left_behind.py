"""Keeps the standings' figures of what is parked and what hangs those of the tables, which operators change too."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence

import asyncpg

from policies.patience import patiently
from policies.standing import Standing

AGAIN_SECONDS = 1.0
_PARKED = """
SELECT policy, topic, count(*) AS records,
       min(COALESCE(appended_ms, (extract(epoch FROM parked_at) * 1000)::bigint)) AS oldest_ms
FROM policies.parked GROUP BY policy, topic
"""
_REFUSED = "SELECT policy, topic, code, count(*) AS n FROM policies.refused GROUP BY policy, topic, code"


class LeftBehind:
    """Looks at the tables each second, for these standings."""

    def __init__(self, pool: asyncpg.Pool, standings: Sequence[Standing]) -> None:
        self._pool = pool
        self._standings = standings
        self._own = Standing("left_behind", "*", running=True, waits_for="")

    async def run(self) -> None:
        """Look until cancelled. A PostgreSQL that is away only delays it."""
        while True:
            await patiently(self._own, "PostgreSQL", self.look)
            await asyncio.sleep(AGAIN_SECONDS)

    async def look(self) -> None:
        """Once. Raises what asyncpg raises when PostgreSQL is away."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(_PARKED)
            parked = {(row["policy"], row["topic"]): (row["records"], row["oldest_ms"]) for row in rows}
            hanging: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
            for row in await connection.fetch(_REFUSED):
                hanging[row["policy"], row["topic"]][row["code"]] = row["n"]
        for standing in self._standings:
            where = standing.policy, standing.topic
            standing.parked, standing.oldest_parked_ms = parked.get(where, (0, None))
            standing.hanging = hanging[where]
