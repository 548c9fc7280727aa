"""The part of a rebuild that is Redis's: empty keys, the switch, old generations, counts.

The live engine is held back by a key that expires by itself; the row in PostgreSQL, locked meanwhile, decides.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from infra.log_reader import LogReader
from projectors.rebuilds.compare import TAKEN_OUT, Comparison
from projectors.rebuilds.compared_redis import ComparedInRedis
from projectors.rebuilds.row import RebuildFailed, switch_row
from projectors.stores import redis_keys as names
from projectors.stores.projection_row import end_if_idle, lock_row
from projectors.stores.redis_answer import ANSWER_SECONDS
from projectors.stores.redis_generations import drop_generation, families, known_generations
from projectors.stores.redis_positions import fields_of, is_of
from projectors.stores.store import ParkedKeys, PositionMoved

_SWITCH = Path(__file__).with_name("redis_switch.lua").read_text()
SWITCH_SECONDS = 20.0
IDLE_SECONDS = 60.0
"""So long the server keeps the row locked for a process that stands still: longer than the switch may take."""


class RedisTarget(ComparedInRedis):
    """A generation that is being rebuilt in Redis. ``connection`` is the one that holds the right to rebuild."""

    async def start(self) -> None:
        """Remove what may be left under the new generation's number, unless a rebuild of this version goes on with it.

        A PostgreSQL that was made anew counts generations from 1 again: queries may still be shown what is removed.
        """
        filling, active = self._begun.filling, names.active_key(self._projection.name)
        if self._begun.resumed and is_of(await fields_of(self._redis, self.prefixes[0]), self._projection.version):
            return
        if await self._redis.get(active) == b"%d" % filling:
            await self._redis.delete(active)
        await drop_generation(self._redis, self._projection, filling)

    async def index(self) -> None:
        """Redis has no indexes to make."""

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

        Raises ``RebuildFailed`` when catching up takes too long, ``TimeoutError`` when a server does not answer while
        the row is locked, ``PositionMoved`` when parked records were taken out of the serving generation since the
        comparison; then it is still to be done.
        """
        name, filling, (new, served) = self._projection.name, self._begun.filling, self.prefixes
        held = names.switching_key(name)
        deadline = time.monotonic() + SWITCH_SECONDS
        async with asyncio.timeout(ANSWER_SECONDS + SWITCH_SECONDS), self._connection.transaction():
            await end_if_idle(self._connection, IDLE_SECONDS)
            await lock_row(self._connection, name)
            while True:
                await self.hold()
                parked = await self.catch_up(reader.until, parked, compared.beyond)
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
