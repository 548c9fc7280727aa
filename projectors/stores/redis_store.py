"""A projection's generation in Redis: commands, positions and parked records change in one Lua script or not at all.

Which generation serves is said by its row in PostgreSQL; ``active:{projection}`` repeats it for queries and for the
script. A Redis that lost its data shows as a position that moved, and is filled again from the start of the log.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
from redis.asyncio import Redis

from event_schemas.record import Recorded
from infra.log_batch import Batch
from projectors.projection import Projection, RedisCommand
from projectors.stores import redis_keys as names
from projectors.stores.isolation import applied
from projectors.stores.known_keys import KnownKeys
from projectors.stores.projection_row import generation_to_fill, prepare_projection
from projectors.stores.redis_answer import ANSWER_SECONDS
from projectors.stores.redis_commit import CommitScript, Refused, step_over, stops
from projectors.stores.redis_parked import RedisParked, RedisUncopied
from projectors.stores.redis_positions import fault_in, standings_in, unparked_in
from projectors.stores.sorting import Decode, Sorting
from projectors.stores.store import (
    Loaded,
    Outcome,
    Parked,
    ParkedKeys,
    Place,
    RebuildNeeded,
    StoreDamaged,
)
from projectors.stores.voids import Void, voids_of

_LOAD = Path(__file__).with_name("redis_load.lua").read_text()
_ZERO = '{"next_offset":0,"epoch":0,"writer":"","appended_ms":0,"void":0,"unparked":0,"parkings":0}'


class RedisStore:
    """The active generation of a projection, or with ``rebuilding`` the one that a rebuild fills."""

    def __init__(
        self, redis: Redis, pool: asyncpg.Pool, projection: Projection, decode: Decode, *, rebuilding: int | None = None
    ) -> None:
        self._redis = redis
        self._pool = pool
        self._projection = projection
        self._decode = decode
        self._rebuilding = rebuilding
        self._generation = rebuilding or 0
        self._commit = CommitScript(redis, projection.name)
        self._load = redis.register_script(_LOAD)
        self._known = KnownKeys()
        self._uncopied = RedisUncopied(redis, "")
        self.voided: Mapping[Place, Void] = {}
        """What was given up for the projection, as of the last ``load``."""

    async def prepare(self, partitions: Sequence[int]) -> None:
        """Make the projection's row in PostgreSQL unless there is one."""
        async with self._pool.acquire() as connection, connection.transaction():
            await prepare_projection(connection, self._projection, partitions)

    async def load(self, partitions: Sequence[int]) -> Loaded:
        """Positions and parked keys of the generation to fill; restores what a lost Redis must know of it. Queries are
        told which one serves, of whatever version it is.

        Raises ``RebuildNeeded``, ``GenerationMoved``, or ``StoreDamaged``.
        """
        async with (
            asyncio.timeout(ANSWER_SECONDS),
            self._pool.acquire() as connection,
            connection.transaction(),
        ):
            try:
                self._generation = await generation_to_fill(connection, self._projection, self._rebuilding)
            except RebuildNeeded as error:
                # What another version filled serves all the same. Not where a Redis that lost its data names none.
                await self._redis.set(names.active_key(self._projection.name), error.serving, xx=True)
                raise
            version = self._projection.version
            flat = await self._load(keys=[f"{self._prefix}pos"], args=[self._prefix, _ZERO, version, *partitions])
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            if fault := fault_in(fields, version):
                raise StoreDamaged(stops(self._projection.name, fault))
            if self._rebuilding is None:
                await self._redis.set(names.active_key(self._projection.name), self._generation)
        standings = standings_in(fields)
        async with self._pool.acquire() as connection:
            self.voided = await voids_of(connection, self._projection)
        unparked = unparked_in(fields)
        # After the positions: if a record is taken out in between, their count refuses the next commit.
        read = RedisParked(self._redis, self._prefix).keys
        keys = await self._known.keys(self._generation, standings, unparked, read)
        return Loaded(self._generation, standings, ParkedKeys(keys, unparked))

    def sort(self, batches: Sequence[Batch], parked: ParkedKeys) -> Sorting:
        """Batches decoded and sorted."""
        return Sorting(batches, parked.keys, self._decode, self.voided)

    async def commit(self, batches: Sequence[Batch], parked: ParkedKeys, sorting: Sorting | None = None) -> Outcome:
        """Commands and positions in one script. What cannot be applied is found and parked with it.

        ``sorting`` is of these batches, if they were sorted already.
        """
        sorting = sorting or self.sort(batches, parked)

        def around() -> dict[str, Any]:
            parkings = Counter(one.record.partition for one in sorting.parked)
            return {
                "steps": [step_over(batch, parked, parkings[batch.partition]) for batch in batches],
                "parked": [names.parked_pair(one) for one in sorting.parked],
            }

        await self.apply_with(sorting, around)
        return sorting.outcome

    async def apply_with(self, sorting: Sorting, around: Callable[[], dict[str, Any]]) -> None:
        """Apply what can be applied in one script, with what ``around`` says then: ``redis_commit.lua`` tells its form.

        ``sorting`` has what could not be applied. Raises ``NotCommitted`` or ``StoreDamaged``.
        """
        commands = applied(sorting, self._commands)
        try:
            await self._run(around(), commands)
        except Refused:
            await self._run_singly(around, sorting)

    @property
    def generation(self) -> int:
        """The one that was loaded."""
        return self._generation

    async def uncopied(self, limit: int, partitions: Collection[int]) -> list[Parked]:
        """Parked records of the active generation in these partitions that are not yet in the dead letter topic."""
        if self._uncopied.prefix != self._prefix:
            self._uncopied = RedisUncopied(self._redis, self._prefix)
        return await self._uncopied.first(limit, partitions)

    async def mark_copied(self, records: Sequence[Parked]) -> None:
        """Remember that these are there."""
        await self._uncopied.mark(records)

    async def _run_singly(self, around: Callable[[], dict[str, Any]], sorting: Sorting) -> None:
        """Each event's own commands, until the script refuses none; each time it tells of all that it refuses."""
        own: dict[Place, list[list[str]]] = {}
        poison: dict[Place, Exception] = {}
        for event in sorting.events:
            try:
                own[event.partition, event.offset] = self._commands([event])
            except Exception as error:
                poison[event.partition, event.offset] = error
        while True:
            sorting.events = sorting.applicable(sorting.events, poison)
            places = [(event.partition, event.offset) for event in sorting.events]
            owned = [(place, command) for place in places for command in own[place]]
            try:
                return await self._run(around(), [command for _, command in owned])
            except Refused as error:
                poison = {owned[index][0]: ValueError(why) for index, why in error.why.items()}

    def _commands(self, events: Sequence[Recorded]) -> list[list[str]]:
        commands = self._projection.apply(events)
        return [names.prefixed(one, self._prefix) for one in commands if isinstance(one, RedisCommand)]

    async def _run(self, around: dict[str, Any], commands: list[list[str]]) -> None:
        wanted = None if self._rebuilding is not None else self._generation
        await self._commit.run(self._prefix, wanted, around, commands)

    @property
    def _prefix(self) -> str:
        return names.prefix(self._projection.name, self._generation)
