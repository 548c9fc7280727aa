"""The part of a rebuild that is Redis's: empty keys, the switch, old generations, counts.

The live engine is held back by a key that expires by itself; the row in PostgreSQL, locked meanwhile, decides.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from infra.log_reader import LogReader, Until
from projectors.engine.workers import anybody_fills
from projectors.projection import Projection
from projectors.rebuilds.compare import LOST_BY_LOG, TAKEN_OUT, Comparison, TableCompared
from projectors.rebuilds.compare_redis import compare
from projectors.rebuilds.row import Begun, RebuildFailed, switch_row
from projectors.rebuilds.wait import NOT_HELD, PAUSE_SECONDS, TRIES, Patience, Positions, wait_for_serving
from projectors.stores import redis_keys as names
from projectors.stores.control_tables import Connection
from projectors.stores.projection_row import end_if_idle, lock_row
from projectors.stores.redis_commit import ANSWER_SECONDS
from projectors.stores.redis_generations import drop_generation, families, known_generations
from projectors.stores.redis_parked import RedisParked
from projectors.stores.redis_positions import fault_in, fields_of, is_of, unparked_in
from projectors.stores.redis_store import RedisStore
from projectors.stores.store import ParkedKeys, PositionMoved

_SWITCH = Path(__file__).with_name("redis_switch.lua").read_text()
HOLD_MS = 3_000
SWITCH_SECONDS = 20.0
IDLE_SECONDS = 60.0
"""So long the server keeps the row locked for a process that stands still: longer than the switch may take."""


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
        """Remove what may be left under the new generation's number, unless a rebuild of this version goes on with it.

        A PostgreSQL that was made anew counts generations from 1 again: queries may still be shown what is removed.
        """
        filling, active = self._begun.filling, names.active_key(self._projection.name)
        if self._begun.resumed and is_of(await fields_of(self._redis, self._prefixes[0]), self._projection.version):
            return
        if await self._redis.get(active) == b"%d" % filling:
            await self._redis.delete(active)
        await drop_generation(self._redis, self._projection, filling)

    async def index(self) -> None:
        """Redis has no indexes to make."""

    async def unparked(self) -> Mapping[int, int]:
        """By partition: how many times parked records were taken out of the serving generation."""
        return unparked_in(await fields_of(self._redis, self._prefixes[1]))

    async def parks_alone(self) -> bool:
        """Whether a record is parked in the filled generation that the serving one has passed and has not parked."""
        filled, served = [set(await RedisParked(self._redis, prefix).places()) for prefix in self._prefixes]
        passed = await self.served()
        return any(offset < passed.get(partition, 0) for partition, offset in filled - served)

    async def served(self) -> Positions:
        """Next offsets of the serving generation by partition."""
        standings = await self._store.standings(self._begun.serving)
        return {partition: one.position.next_offset for partition, one in standings.items()}

    async def sizes(self, beyond: Sequence[int]) -> Comparison:
        """Of both generations, where the serving one is ``beyond`` the log's end in these partitions."""
        return (await self._comparison([], LOST_BY_LOG))._replace(skipped=True, beyond=beyond)

    async def compare(self, reader: LogReader, parked: ParkedKeys, patience: Patience) -> Comparison:
        """Compare with the serving generation while that is held back, for seconds at most.

        ``reader`` stands at the filled generation's positions.
        """
        name, (new, served) = self._projection.name, self._prefixes
        held = names.switching_key(name)
        if fault := fault_in(await fields_of(self._redis, served), self._begun.serving_version):
            return await self._comparison([], f"the serving generation {fault}")
        filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
        waited = await wait_for_serving(self.served, filled, self._lives, patience)
        if waited.why:
            return (await self._comparison([], waited.why))._replace(skipped=waited.skipped)
        parked = await self._catch_up(reader.exactly, parked)  # what came meanwhile, before anybody is held back
        for _ in range(TRIES):
            try:
                await self._redis.set(held, self._begun.filling, px=HOLD_MS)
                parked = await self._catch_up(reader.exactly, parked)
                before = await self.served()
                differences, incomplete = await compare(self._redis, served, new)
                after = await self.served()
            finally:
                await self._redis.delete(held)
            filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
            if before == after == filled:
                return await self._comparison(differences, incomplete)
            patience.says(f"{NOT_HELD}, trying again")
            await asyncio.sleep(PAUSE_SECONDS)
        return (await self._comparison([], NOT_HELD))._replace(skipped=True)

    async def _comparison(self, differences: Sequence[TableCompared], incomplete: str) -> Comparison:
        parked = [await self._redis.hlen(f"{prefix}parked") for prefix in reversed(self._prefixes)]
        version, unparked = self._projection.version, await self.unparked()
        return Comparison(self._begun, version, differences, (parked[0], parked[1]), unparked, incomplete)

    async def _lives(self) -> bool:
        return await anybody_fills(self._connection, self._projection.name, self._begun.serving_version)

    async def _catch_up(self, until: Until, parked: ParkedKeys, beyond: Collection[int] = ()) -> ParkedKeys:
        topic, now = self._projection.topic, await self.served()
        async for batch in until({(topic, number): end for number, end in now.items() if number not in beyond}):
            parked = parked.after(await self._store.commit([batch], parked))
        return parked

    @property
    def _prefixes(self) -> tuple[str, str]:
        """Of the filled generation and of the serving one."""
        name = self._projection.name
        return names.prefix(name, self._begun.filling), names.prefix(name, self._begun.serving)

    async def switch(
        self,
        reader: LogReader,
        parked: ParkedKeys,
        compared: Comparison,
        actor: str,
        outcome: Mapping[str, Any],
    ) -> ParkedKeys:
        """Hold the live engine back, catch up with it, change over; then the row follows and it goes on. Gives what is
        parked in the filled generation.

        Raises ``RebuildFailed`` when catching up takes too long, ``TimeoutError``
        when a server does not answer while the row is locked, ``PositionMoved`` when parked records were taken out of
        the serving generation since the comparison; then it is still to be done.
        """
        name, filling, (new, served) = self._projection.name, self._begun.filling, self._prefixes
        held = names.switching_key(name)
        deadline = time.monotonic() + SWITCH_SECONDS
        async with asyncio.timeout(ANSWER_SECONDS + SWITCH_SECONDS), self._connection.transaction():
            await end_if_idle(self._connection, IDLE_SECONDS)
            await lock_row(self._connection, name)
            while True:
                await self._redis.set(held, filling, px=HOLD_MS)
                parked = await self._catch_up(reader.until, parked, compared.beyond)
                await self._forget_copied(new, served)
                keys = [names.active_key(name), f"{new}pos", f"{served}pos", held]
                answer = await self._redis.eval(
                    _SWITCH, len(keys), *keys, str(filling), _numbers(compared.unparked), _set(compared.beyond)
                )
                if answer == b"switched":
                    break
                if answer == b"unparked":
                    await self._redis.delete(held)
                    raise PositionMoved(f"{name}: {TAKEN_OUT}")
                if time.monotonic() > deadline:
                    raise RebuildFailed(f"{name}: the serving generation could not be caught up with")
                await asyncio.sleep(0)
            await switch_row(self._connection, self._projection, filling, actor, outcome)
        return parked

    async def drop_older(self) -> Sequence[int]:
        """Remove every generation but the new one and the one before it."""
        found = await known_generations(self._redis, self._projection)
        dropped = sorted(found - {self._begun.serving, self._begun.filling})
        for generation in dropped:
            await drop_generation(self._redis, self._projection, generation)
        return dropped

    async def rows(self) -> dict[str, int]:
        """Keys of each family."""
        return await families(self._redis, self._projection, self._begun.filling)

    async def _forget_copied(self, new: str, served: str) -> None:
        copied = set(await self._redis.hkeys(f"{served}parked")) - await self._redis.smembers(f"{served}uncopied")
        if copied:
            await self._redis.srem(f"{new}uncopied", *copied)


def _numbers(by_partition: Mapping[int, int]) -> bytes:
    return orjson.dumps({str(partition): number for partition, number in by_partition.items()})


def _set(partitions: Iterable[int]) -> bytes:
    return orjson.dumps({str(partition): True for partition in partitions})
