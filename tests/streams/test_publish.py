"""What is published is whole in the end, whatever Redis refuses meanwhile, and never claims more than it has."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from event_schemas.holder import Holder
from infra.log_batch import Position
from infra.settings import Settings
from projectors.streams.changes import Changes
from projectors.streams.publish import Publisher
from projectors.streams.shard import Shard, Trade

NOW = int(time.time()) // 3600 * 3600 + 60
ENDS = {0: 100}


@pytest.fixture
async def restricted(settings: Settings, redis: Redis, unique: str) -> AsyncIterator[Redis]:
    """A client of a user of its own, to whom single commands can be refused."""
    await _acl(redis, "SETUSER", unique, "on", "nopass", "~*", "+@all")
    client = Redis.from_url(settings.redis_address, socket_timeout=None, username=unique, password="any")
    yield client
    await client.aclose()
    await _acl(redis, "DELUSER", unique)
    async for key in redis.scan_iter(f"{unique}:*"):
        await redis.delete(key)
    await redis.delete(f"active:{unique}")


async def _acl(redis: Any, *words: str) -> None:
    await redis.execute_command("ACL", *words)


def _sell(shard: Shard, offset: int, pieces: dict[str, int]) -> dict[int, Changes]:
    changes = Changes()
    changes.add(*shard.apply([Trade(offset, NOW - 60, 1, pieces)], NOW))
    shard.position = Position(offset + 1, Holder(1, "w"))
    return {0: changes}


async def _shown(redis: Redis, key: str) -> dict[str, int]:
    found: Any = await redis.zrange(key, 0, -1, withscores=True)
    return {member.decode(): int(score) for member, score in found}


@pytest.mark.parametrize("refused", ["hgetall", "zadd", "hset"])
async def test_what_redis_refused_is_published_as_soon_as_it_takes_it(
    restricted: Redis, redis: Redis, unique: str, refused: str
) -> None:
    shard, publisher = Shard(), Publisher(restricted, unique)
    await publisher.publish({0: shard}, _sell(shard, 0, {"a": 1, "b": 1}), ENDS, NOW)
    await _acl(redis, "SETUSER", unique, f"-{refused}")
    with pytest.raises(RedisError):
        await publisher.publish({0: shard}, _sell(shard, 1, {"a": 2, "c": 2}), ENDS, NOW + 10)
    await _acl(redis, "SETUSER", unique, f"+{refused}")
    await publisher.publish({0: shard}, {0: Changes()}, ENDS, NOW + 20)
    for window in ("1h", "24h", "7d", "30d"):
        assert await _shown(redis, f"{unique}:1:now:{window}:0") == {"a": 3, "b": 1, "c": 2}
    assert await _shown(redis, f"{unique}:1:also:a:0") == {"b": 1, "c": 1}
    assert await _shown(redis, f"{unique}:1:also:c:0") == {"a": 1}


async def test_a_set_that_was_left_half_filled_adds_nothing_to_the_next(
    restricted: Redis, redis: Redis, unique: str
) -> None:
    await redis.zadd(f"{unique}:1:now:1h:0:filling", {"long ago": 7})
    shard = Shard()
    await Publisher(restricted, unique).publish({0: shard}, _sell(shard, 0, {"a": 1}), ENDS, NOW)
    assert await _shown(redis, f"{unique}:1:now:1h:0") == {"a": 1}


async def test_what_is_folded_while_it_publishes_is_not_claimed(restricted: Redis, redis: Redis, unique: str) -> None:
    shard = Shard()
    changes = _sell(shard, 0, {"a": 1})
    publishing = asyncio.create_task(Publisher(restricted, unique).publish({0: shard}, changes, ENDS, NOW))
    await asyncio.sleep(0)  # now it waits for Redis
    _sell(shard, 1, {"b": 1})
    await publishing
    told: Any = await redis.hget(f"{unique}:1:pos", "0")
    assert orjson.loads(told)["next_offset"] == 1
