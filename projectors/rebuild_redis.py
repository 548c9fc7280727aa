"""The part of a rebuild that is Redis's: empty keys, the switch, old generations, counts.

The live engine is held back by a key that expires by itself; the row in PostgreSQL, locked meanwhile, decides.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from redis.asyncio import Redis

from infra.log_reader import LogReader
from projectors import redis_keys as names
from projectors.control_tables import Connection
from projectors.projection import Projection
from projectors.projection_row import lock_row
from projectors.rebuild_row import Begun, RebuildRefused, switch_row
from projectors.redis_store import RedisStore
from projectors.store import ParkedKeys

_SWITCH = Path(__file__).with_name("redis_switch.lua").read_text()
HOLD_MS = 3_000
SWITCH_SECONDS = 20.0


class RedisTarget:
    """A generation that is being rebuilt in Redis. ``connection`` is the one that holds the right to rebuild."""

    def __init__(
        self, redis: Redis, connection: Connection, projection: Projection, begun: Begun, store: RedisStore
    ) -> None:
        self._redis = redis
        self._connection = connection
        self._projection = projection
        self._begun = begun
        self._store = store

    async def start(self) -> None:
        """Remove what may be left under the new generation's number, unless it is resumed."""
        if not self._begun.resumed:
            await self._remove(self._begun.filling)

    async def index(self) -> None:
        """Redis has no indexes to make."""

    async def switch(self, reader: LogReader, parked: ParkedKeys) -> None:
        """Hold the live engine back, catch up with it, change over; then the row follows and it goes on.

        Raises ``RebuildRefused`` when catching up takes too long; then nothing has changed.
        """
        name, filling = self._projection.name, self._begun.filling
        new, served = names.prefix(name, filling), names.prefix(name, self._begun.serving)
        held = names.switching_key(name)
        deadline = time.monotonic() + SWITCH_SECONDS
        async with self._connection.transaction():
            await lock_row(self._connection, name)
            while True:
                await self._redis.set(held, filling, px=HOLD_MS)
                standings = await self._store.standings(self._begun.serving)
                ends = {(self._projection.topic, p): one.position.next_offset for p, one in standings.items()}
                async for batch in reader.until(ends):
                    outcome = await self._store.commit([batch], parked)
                    parked = parked.after(outcome)
                await self._forget_copied(new, served)
                keys = [names.active_key(name), f"{new}pos", f"{served}pos", held]
                if await self._redis.eval(_SWITCH, len(keys), *keys, str(filling)):
                    break
                if time.monotonic() > deadline:
                    raise RebuildRefused(f"{name}: the serving generation could not be caught up with")
                await asyncio.sleep(0)
            await switch_row(self._connection, self._projection, filling)

    async def drop_older(self) -> Sequence[int]:
        """Remove every generation but the new one and the one before it."""
        found = set()
        async for key in self._redis.scan_iter(match=f"{self._projection.name}:*:pos", count=1_000):
            found.add(int(key.split(b":")[1]))
        dropped = sorted(found - {self._begun.serving, self._begun.filling})
        for generation in dropped:
            await self._remove(generation)
        return dropped

    async def rows(self) -> dict[str, int]:
        """Keys of each family, without positions and parked records."""
        prefix = names.prefix(self._projection.name, self._begun.filling)
        families = Counter(dict.fromkeys(self._projection.tables, 0))
        async for key in self._redis.scan_iter(match=f"{prefix}*", count=1_000):
            rest = key.decode().removeprefix(prefix)
            if rest not in {"pos", "parked", "uncopied"}:
                families[next((one for one in self._projection.tables if rest.startswith(one)), rest)] += 1
        return dict(families)

    async def _forget_copied(self, new: str, served: str) -> None:
        copied = set(await self._redis.hkeys(f"{served}parked")) - await self._redis.smembers(f"{served}uncopied")
        if copied:
            await self._redis.srem(f"{new}uncopied", *copied)

    async def _remove(self, generation: int) -> None:
        prefix = names.prefix(self._projection.name, generation)
        async for key in self._redis.scan_iter(match=f"{prefix}*", count=1_000):
            await self._redis.unlink(key)
