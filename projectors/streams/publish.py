"""Writes what the shards say into Redis, as absolute values, so that doing it twice changes nothing.

Keys, all behind `<name>:<version>:` as `active:<name>` tells: `now:<window>:<partition>` (pieces by product),
`also:<product>:<partition>` (orders by partner), and `pos`, by partition up to which offset it was published, when, and
since when each window counts (seconds since 1970).
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import cast

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from projectors.streams.changes import Changes
from projectors.streams.shard import Shard
from projectors.streams.windows import HOUR, MINUTE, WINDOWS, Window, since

VERSION = 1
"""Another version of what is kept begins anew beside the old one: another consumer group, table and prefix."""
NAMES = [window.name for window in WINDOWS]
TIMEOUT_SECONDS = 30.0
TOP_PARTNERS = 50
COMMANDS = 5_000


class Publisher:
    """Publishes under the name `name`. Owns no connection."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._name = name
        self._prefix = f"{name}:{VERSION}:"
        self._last: dict[int, bytes] = {}
        self._now = 0

    async def publish(self, shards: Mapping[int, Shard], changes: Mapping[int, Changes], now: int) -> None:
        """Write what has changed, with windows as they stand at `now`; all of a partition where Redis does not have
        what was published last. Raises `RedisError`, `OSError` or `TimeoutError`; then some of it may be written.
        """
        async with asyncio.timeout(TIMEOUT_SECONDS):
            stored = cast(dict[bytes, bytes], await self._redis.hgetall(f"{self._prefix}pos"))
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(f"active:{self._name}", VERSION)
            for partition, shard in shards.items():
                await self._one(pipe, partition, shard, changes[partition], stored.get(b"%d" % partition), now)
            await pipe.execute()
        self._now = now

    async def _one(
        self, pipe: Pipeline, partition: int, shard: Shard, changes: Changes, stored: bytes | None, now: int
    ) -> None:
        is_lost = stored is None or stored != self._last.get(partition)
        partners = set(changes.partners)
        if is_lost:
            published = orjson.loads(stored)["next_offset"] if stored else 0
            partners = {product for product, row in shard.partners.items() if row.applied > published}
        windows = WINDOWS if is_lost else _turned(self._now, now)
        sums = {product: row.sums(now) for product, row in shard.sold.items()} if windows else {}
        for window in windows:
            key = f"{self._prefix}now:{window.name}:{partition}"
            _replace(pipe, key, ((product, found[window.name]) for product, found in sums.items()))
        for product in changes.sold:
            row = shard.sold.get(product)
            for name, quantity in (row.sums(now) if row else dict.fromkeys(NAMES, 0)).items():
                _put(pipe, f"{self._prefix}now:{name}:{partition}", product, quantity)
        for product in partners:
            _replace(pipe, f"{self._prefix}also:{product}:{partition}", shard.partners[product].top(TOP_PARTNERS))
            if len(pipe) > COMMANDS:
                await pipe.execute()
        reach = {window.name: since(window, now) for window in WINDOWS}
        self._last[partition] = orjson.dumps({"next_offset": shard.position.next_offset, "at": now, "since": reach})
        pipe.hset(f"{self._prefix}pos", str(partition), self._last[partition].decode())


def _turned(before: int, now: int) -> tuple[Window, ...]:
    """The windows that reach less far back than at `before`, though nothing was sold."""
    units = {unit for unit in (MINUTE, HOUR) if before // unit != now // unit}
    return tuple(window for window in WINDOWS if window.unit in units)


def _replace(pipe: Pipeline, key: str, members: Iterable[tuple[str, int]]) -> None:
    """Make the set of these at once: nobody sees it half filled."""
    scores = {member: score for member, score in members if score}
    if scores:
        pipe.zadd(f"{key}:filling", scores)
        pipe.rename(f"{key}:filling", key)
    else:
        pipe.unlink(key)


def _put(pipe: Pipeline, key: str, member: str, score: int) -> None:
    if score:
        pipe.zadd(key, {member: score})
    else:
        pipe.zrem(key, member)
