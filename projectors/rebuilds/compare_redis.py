"""Compares two generations in Redis, which has no snapshots: the live engine is held back meanwhile, within bounds."""

import time
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from projectors.rebuilds.compare import TableCompared
from projectors.rebuilds.row_digest import SHOWN_ROWS
from projectors.stores.redis_generations import OWN

COMPARE_SECONDS = 2.0
AT_ONCE = 50
"""Keys in one round trip."""
SHOWN_KEYS = 20

_READ: dict[str, tuple[Any, ...]] = {
    "zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    "hash": ("HGETALL",),
    "set": ("SMEMBERS",),
    "string": ("GET",),
    "none": ("GET",),
}
"""How to read a key of a type, with its name as the first argument."""


async def compare(redis: Redis, served: str, filled: str) -> tuple[list[TableCompared], str]:
    """The keys that differ below two prefixes, and why not all of them were compared, ``""`` when they were."""
    deadline = time.monotonic() + COMPARE_SECONDS
    names = sorted(await _names(redis, served) | await _names(redis, filled))
    found: list[TableCompared] = []
    for first in range(0, len(names), AT_ONCE):
        done = f"{first:,} of {len(names):,} keys"
        if len(found) > SHOWN_KEYS:
            return found[:SHOWN_KEYS], f"{done}, since so many differ"
        if time.monotonic() > deadline:
            return found, f"{done} in {COMPARE_SECONDS:g} s"
        portion = names[first : first + AT_ONCE]
        old, new = [await _contents(redis, [prefix + name for name in portion]) for prefix in (served, filled)]
        found += [_difference(*one) for one in zip(portion, old, new, strict=True) if one[1] != one[2]]
    return found, ""


async def _names(redis: Redis, prefix: str) -> set[str]:
    keys = {key.decode().removeprefix(prefix) async for key in redis.scan_iter(match=f"{prefix}*", count=10_000)}
    return keys - OWN


async def _contents(redis: Redis, keys: Sequence[str]) -> list[dict[bytes, bytes]]:
    """Members of each key with what is said of them, whatever its type."""
    async with redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.type(key)
        kinds = [kind.decode() for kind in await pipeline.execute()]
    async with redis.pipeline(transaction=False) as pipeline:
        for key, kind in zip(keys, kinds, strict=True):
            command, *rest = _READ[kind]
            pipeline.execute_command(command, key, *rest)
        answers = await pipeline.execute()
    return [_members(kind, answer) for kind, answer in zip(kinds, answers, strict=True)]


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
