"""Compares two generations in Redis, which has no snapshots: some keys at a time, the live engine held back."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis

from projectors.rebuilds.compare import TableCompared
from projectors.rebuilds.row_digest import SHOWN_ROWS
from projectors.stores.redis_generations import OWN

HELD_SECONDS = 1.0
"""So long the live engine is held back at a time, and longer only while one portion of keys is read."""
AT_ONCE = 50
"""Keys in one portion, at most."""
LARGE = 1_000
"""A key with more members than this is a portion of its own, read so many members at a time."""
SHOWN_KEYS = 20

Renew = Callable[[], Awaitable[object]]
"""Holds the live engine back for some time more."""


class _Key(NamedTuple):
    name: str
    kind: str
    members: int


_READ: dict[str, tuple[Any, ...]] = {
    "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    "hash": ("HGETALL",),
    "set": ("SMEMBERS",),
    "string": ("GET",),
    "none": ("GET",),
}
"""How to read a key of a type, with its name as the first argument."""
_SIZE = {"zset": "ZCARD", "hash": "HLEN", "set": "SCARD", "string": "EXISTS", "none": "EXISTS"}
"""How to ask for the number of its members."""
_SCAN = {"zset": "ZSCAN", "hash": "HSCAN", "set": "SSCAN"}
"""How to read it by and by."""


async def names_of(redis: Redis, served: str, filled: str) -> Sequence[str]:
    """Keys below one of two prefixes or both, without it."""
    return sorted(await _names(redis, served) | await _names(redis, filled))


async def compare(
    redis: Redis, served: str, filled: str, names: Sequence[str], renew: Renew
) -> tuple[list[TableCompared], int]:
    """Compare the first of these keys below two prefixes, as many as can be within ``HELD_SECONDS``, at least a
    portion. Gives those that differ, and how many were compared.
    """
    deadline = time.monotonic() + HELD_SECONDS
    found: list[TableCompared] = []
    done = 0
    while done < len(names) and len(found) <= SHOWN_KEYS and (done == 0 or time.monotonic() < deadline):
        await renew()
        portion = names[done : done + AT_ONCE]
        sides = [await _keys(redis, [prefix + one for one in portion]) for prefix in (served, filled)]
        large = [any(key.members > LARGE for key in pair) for pair in zip(*sides, strict=True)]
        if any(large):
            portion = portion[: max(1, large.index(True))]
        old, new = [await _contents(redis, keys[: len(portion)], renew) for keys in sides]
        found += [_difference(*one) for one in zip(portion, old, new, strict=True) if one[1] != one[2]]
        done += len(portion)
    return found, done


async def _names(redis: Redis, prefix: str) -> set[str]:
    keys = {key.decode().removeprefix(prefix) async for key in redis.scan_iter(match=f"{prefix}*", count=10_000)}
    return keys - OWN


async def _keys(redis: Redis, names: Sequence[str]) -> list[_Key]:
    kinds = [kind.decode() for kind in await _answers(redis, [("TYPE", name) for name in names])]
    sizes = await _answers(redis, [(_SIZE[kind], name) for name, kind in zip(names, kinds, strict=True)])
    return [_Key(*one) for one in zip(names, kinds, sizes, strict=True)]


async def _contents(redis: Redis, keys: Sequence[_Key], renew: Renew) -> list[dict[bytes, bytes]]:
    """Members of each key with what is said of them, whatever its type."""
    if any(key.members > LARGE for key in keys):
        return [await _scanned(redis, key.name, key.kind, renew) for key in keys]
    answers = await _answers(redis, [(_READ[key.kind][0], key.name, *_READ[key.kind][1:]) for key in keys])
    return [_members(key.kind, answer) for key, answer in zip(keys, answers, strict=True)]


async def _answers(redis: Redis, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
    async with redis.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()


async def _scanned(redis: Redis, key: str, kind: str, renew: Renew) -> dict[bytes, bytes]:
    members: dict[bytes, bytes] = {}
    cursor = 0
    while True:
        await renew()
        [(cursor, answer)] = await _answers(redis, [(_SCAN[kind], key, cursor, "COUNT", LARGE)])
        members |= _members(kind, answer)
        if not cursor:
            return members


def _members(kind: str, answer: Any) -> dict[bytes, bytes]:
    if kind == "zset":
        return {member: b"%r" % score for member, score in answer}
    if kind == "hash":
        return dict(answer)
    if kind == "set":
        return dict.fromkeys(answer, b"")
    return {} if answer is None else {b"": answer}


def _difference(name: str, old: dict[bytes, bytes], new: dict[bytes, bytes]) -> TableCompared:
    members = sorted(member for member in old.keys() | new.keys() if old.get(member) != new.get(member))
    shown = members[:SHOWN_ROWS]
    before, after = ([f"{_text(one)}: {_text(side[one])}" for one in shown if one in side] for side in (old, new))
    return TableCompared(name, len(old) or None, len(new) or None, True, before, after)


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
