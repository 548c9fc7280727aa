"""Positions of a generation in Redis: a hash with a field for each partition, the version of what fills it, and what
damaged it, if anything did.
"""

from collections.abc import Mapping
from typing import cast

import orjson
from redis.asyncio import Redis

from event_schemas.holder import Holder
from infra.log_batch import Position
from projectors.stores.store import Standing

Fields = Mapping[bytes, bytes]
"""The hash as it stands; empty when there is none."""


async def fields_of(redis: Redis, prefix: str) -> Fields:
    """Of the generation whose keys begin with ``prefix``."""
    return cast(Fields, await redis.hgetall(f"{prefix}pos"))


def standings_in(fields: Fields) -> dict[int, Standing]:
    """The position of each partition."""
    return {int(field): _standing(value) for field, value in fields.items() if field.isdigit()}


def unparked_in(fields: Fields) -> dict[int, int]:
    """By partition: how many times parked records were taken out of it."""
    return {int(field): orjson.loads(value).get("unparked", 0) for field, value in fields.items() if field.isdigit()}


def fault_in(fields: Fields, version: int) -> str:
    """Why code of a version must not go on from there, ``""`` when it may. What names no version, an older release has
    filled: it is taken as right.
    """
    if message := fields.get(b"damaged"):
        return damage(message)
    return f"was filled by version {filled}, not {version}" if (filled := _version(fields, version)) != version else ""


def is_of(fields: Fields, version: int) -> bool:
    """Whether there is something that code of a version has filled, damaged or not."""
    return bool(fields) and _version(fields, version) == version


def damage(message: bytes) -> str:
    """In words, by what the server answered."""
    return f"was applied in part ({message.decode(errors='replace')})"


def _version(fields: Fields, unknown: int) -> int:
    return int(fields.get(b"version", unknown))


def _standing(value: bytes) -> Standing:
    row = orjson.loads(value)
    holder = Holder(row["epoch"], row["writer"])
    return Standing(Position(row["next_offset"], holder), row["appended_ms"], row["void"])
