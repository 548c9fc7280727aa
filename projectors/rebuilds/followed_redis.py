"""The serving generation in Redis as a rebuild beside it sees and follows it."""

from collections.abc import Collection, Mapping

from redis.asyncio import Redis

from infra.log_reader import Until
from projectors.engine.workers import anybody_fills
from projectors.projection import Projection
from projectors.rebuilds.row import Begun
from projectors.rebuilds.wait import Positions
from projectors.stores import redis_keys as names
from projectors.stores.control_tables import Connection
from projectors.stores.redis_parked import RedisParked
from projectors.stores.redis_positions import Fields, fields_of, standings_in, unparked_in
from projectors.stores.redis_store import RedisStore
from projectors.stores.store import ParkedKeys

HOLD_MS = 3_000
"""So long workers wait for what holds them back and was killed."""


class FollowedInRedis:
    """A generation that is being filled in Redis, beside the one that serves. ``connection`` is the one that holds the
    right to rebuild.
    """

    def __init__(
        self, redis: Redis, connection: Connection, projection: Projection, begun: Begun, store: RedisStore
    ) -> None:
        self._redis = redis
        self._connection = connection
        self._projection = projection
        self._begun = begun
        self._store = store

    async def unparked(self) -> Mapping[int, int]:
        """By partition: how many times parked records were taken out of the serving generation."""
        return unparked_in(await fields_of(self._redis, self.prefixes[1]))

    async def parks_alone(self) -> bool:
        """Whether a record is parked in the filled generation that the serving one has passed and has not parked."""
        filled, served = [set(await RedisParked(self._redis, prefix).places()) for prefix in self.prefixes]
        passed = await self.served()
        return any(offset < passed.get(partition, 0) for partition, offset in filled - served)

    async def served(self) -> Positions:
        """Next offsets of the serving generation by partition."""
        return offsets(await fields_of(self._redis, self.prefixes[1]))

    async def lives(self) -> bool:
        """Whether some worker fills the serving generation."""
        return await anybody_fills(self._connection, self._projection.name, self._begun.serving_version)

    async def catch_up(self, until: Until, parked: ParkedKeys, beyond: Collection[int] = ()) -> ParkedKeys:
        """Fill up to where the serving generation stands now, but for the partitions in which that is ``beyond`` the
        log's end; gives what is parked then.
        """
        topic, now = self._projection.topic, await self.served()
        async for batch in until({(topic, number): end for number, end in now.items() if number not in beyond}):
            parked = parked.after(await self._store.commit([batch], parked))
        return parked

    async def hold(self) -> None:
        """Let no worker commit to the serving generation for ``HOLD_MS`` from now."""
        await self._redis.set(names.switching_key(self._projection.name), self._begun.filling, px=HOLD_MS)

    @property
    def prefixes(self) -> tuple[str, str]:
        """Of the filled generation and of the serving one."""
        name = self._projection.name
        return names.prefix(name, self._begun.filling), names.prefix(name, self._begun.serving)


def offsets(fields: Fields) -> Positions:
    """Next offsets by partition."""
    return {partition: one.position.next_offset for partition, one in standings_in(fields).items()}
