"""Writes what the shards say into Redis, as absolute values, so that doing it twice changes nothing.

Keys, all behind `<name>:<version>:` as `active:<name>` tells: `now:<window>:<partition>` (pieces by product),
`also:<product>:<partition>` (orders by partner), and `pos`, by partition: up to which offset windows (`next_offset`)
and partners (`paired`) were published, when (`at`), and since when each window counts (seconds since 1970); besides, as
of any read model, when the last record was appended (`appended_ms`) and how many never happened (`void`).
"""

import asyncio
from collections import defaultdict
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
TOP_PARTNERS = 30
PARTNERS_SECONDS = 5
"""Partners change with every order and are no matter of seconds."""
COMMANDS = 1_000

Stood = dict[str, int]


class Publisher:
    """Publishes under the name `name`. Owns no connection."""

    def __init__(self, redis: Redis, name: str) -> None:
        self._redis = redis
        self._name = name
        self._prefix = f"{name}:{VERSION}:"
        self._last: dict[int, bytes] = {}
        self._paired: dict[int, int] = {}
        self._partners: dict[int, set[str]] = defaultdict(set)
        self._now = self._partners_at = 0

    async def publish(
        self, shards: Mapping[int, Shard], changes: Mapping[int, Changes], ends: Mapping[int, int], now: int
    ) -> None:
        """Write what has changed, with windows as they stand at `now`; all of a partition where Redis does not have
        what was published last. A partition that has yet to come to where it was published before, and that does not
        end there (`ends`), is left as it stands. Raises `RedisError`, `OSError` or `TimeoutError`; then some of it may
        be written, and the next call writes all again.
        """
        stood = {partition: _stood(shard) for partition, shard in shards.items()}  # it may be folded on meanwhile
        for partition in shards:
            self._partners[partition] |= changes[partition].partners
        try:
            await self._publish(shards, changes, stood, ends, now)
        except BaseException:
            self._last.clear()
            raise

    async def _publish(
        self,
        shards: Mapping[int, Shard],
        changes: Mapping[int, Changes],
        stood: Mapping[int, Stood],
        ends: Mapping[int, int],
        now: int,
    ) -> None:
        are_partners_due = now - self._partners_at >= PARTNERS_SECONDS
        paired = []
        async with asyncio.timeout(TIMEOUT_SECONDS):
            found = cast(dict[bytes, bytes], await self._redis.hgetall(f"{self._prefix}pos"))
            pipe = self._redis.pipeline(transaction=False)
            pipe.set(f"active:{self._name}", VERSION)
            for partition, shard in shards.items():
                stored = found.get(b"%d" % partition)
                told = orjson.loads(stored) if stored else {"next_offset": 0, "paired": 0}
                if stood[partition]["next_offset"] < min(told["next_offset"], ends.get(partition, 0)):
                    continue
                is_lost = stored is None or stored != self._last.get(partition)
                self._windows(pipe, partition, shard, changes[partition], is_lost=is_lost, now=now)
                if is_lost or are_partners_due:
                    new = {
                        product for product, row in shard.partners.items() if is_lost and row.applied > told["paired"]
                    }
                    await self._put_partners(pipe, partition, shard, new, stood[partition])
                    paired.append(partition)
                self._mark(pipe, partition, stood[partition], now)
            await pipe.execute()
        for partition in paired:
            del self._partners[partition]
        self._now = now
        if are_partners_due:
            self._partners_at = now

    def _windows(
        self, pipe: Pipeline, partition: int, shard: Shard, changes: Changes, *, is_lost: bool, now: int
    ) -> None:
        windows = WINDOWS if is_lost else _turned(self._now, now)
        sums = {product: row.sums(now) for product, row in shard.sold.items()} if windows else {}
        for window in windows:
            key = f"{self._prefix}now:{window.name}:{partition}"
            _replace(pipe, key, ((product, found[window.name]) for product, found in sums.items()))
        for product in changes.sold:
            row = shard.sold.get(product)
            for name, quantity in (row.sums(now) if row else dict.fromkeys(NAMES, 0)).items():
                _put(pipe, f"{self._prefix}now:{name}:{partition}", product, quantity)

    async def _put_partners(self, pipe: Pipeline, partition: int, shard: Shard, new: set[str], stood: Stood) -> None:
        self._paired[partition] = stood["next_offset"]
        for product in new | self._partners[partition]:
            _replace(pipe, f"{self._prefix}also:{product}:{partition}", shard.partners[product].top(TOP_PARTNERS))
            if len(pipe) > COMMANDS:
                await pipe.execute()

    def _mark(self, pipe: Pipeline, partition: int, stood: Stood, now: int) -> None:
        self._last[partition] = orjson.dumps(
            {
                **stood,
                "paired": self._paired[partition],
                "at": now,
                "since": {window.name: since(window, now) for window in WINDOWS},
            }
        )
        pipe.hset(f"{self._prefix}pos", str(partition), self._last[partition].decode())


def _stood(shard: Shard) -> Stood:
    """Up to where a shard is folded, as `pos` tells it."""
    return {"next_offset": shard.position.next_offset, "appended_ms": shard.appended_ms, "void": shard.void}


def _turned(before: int, now: int) -> tuple[Window, ...]:
    """The windows that reach less far back than at `before`, though nothing was sold."""
    units = {unit for unit in (MINUTE, HOUR) if before // unit != now // unit}
    return tuple(window for window in WINDOWS if window.unit in units)


def _replace(pipe: Pipeline, key: str, members: Iterable[tuple[str, int]]) -> None:
    """Make the set of these at once: nobody sees it half filled."""
    scores = {member: score for member, score in members if score}
    if scores:
        pipe.unlink(f"{key}:filling")  # of one that broke off
        pipe.zadd(f"{key}:filling", scores)
        pipe.rename(f"{key}:filling", key)
    else:
        pipe.unlink(key)


def _put(pipe: Pipeline, key: str, member: str, score: int) -> None:
    if score:
        pipe.zadd(key, {member: score})
    else:
        pipe.zrem(key, member)
