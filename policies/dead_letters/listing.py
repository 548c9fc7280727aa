"""What policies have parked, and what was given up, for operators: found, and told as a line or as JSON."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from infra import parked_told
from policies.dead_letters.queue import ROW, parked_of
from policies.sorting import Parked

PAGE = 500
Place = tuple[str, int, int]
"""Topic, partition and offset."""
BEFORE_ALL: Place = ("", -1, -1)
_OF = "policy = $1 AND ($2::bytea IS NULL OR key = $2)"
_PAGE = f"""
SELECT {ROW} FROM policies.parked WHERE {_OF} AND (topic, partition, record_offset) > ($3, $4, $5)
ORDER BY topic, partition, record_offset LIMIT $6
"""
_AT = f"""
SELECT {ROW} FROM policies.parked WHERE policy = $1 AND topic = $2 AND partition = $3 AND record_offset = $4
"""
_COUNT = f"SELECT count(*) FROM policies.parked WHERE {_OF}"
_DROPPED_PAGE = f"""
SELECT * FROM policies.dropped WHERE {_OF} AND (topic, partition, record_offset) > ($3, $4, $5)
ORDER BY topic, partition, record_offset LIMIT $6
"""
_DROPPED_COUNT = f"SELECT count(*) FROM policies.dropped WHERE {_OF}"


class DeadLetter(NamedTuple):
    """A parked record, and the policy that parked it."""

    policy: str
    parked: Parked

    @property
    def cursor(self) -> str:
        """Policy and place."""
        return f"{self.policy} {self.parked.place}"

    def line(self) -> str:
        """In one line."""
        return parked_told.line(f"policies/{self.policy}", self.parked)

    def described(self) -> dict[str, Any]:
        """As JSON, without its content."""
        return {"policy": self.policy, **parked_told.described(self.parked)}

    def whole(self) -> dict[str, Any]:
        """As JSON, with headers and value as text."""
        return {"policy": self.policy, **parked_told.whole(self.parked)}


class DroppedLetter(NamedTuple):
    """A record that was given up for a policy."""

    policy: str
    place: str
    key: str
    reason: str
    actor: str
    at: datetime

    @property
    def cursor(self) -> str:
        """Policy and place."""
        return f"{self.policy} {self.place}"

    def line(self) -> str:
        """In one line."""
        told = f"dropped  by {self.actor} at {self.at:%Y-%m-%d %H:%M}  {self.reason}"
        return f"policies/{self.policy}  {self.place}  {self.key}  {told}"

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {**self._asdict(), "at": self.at.isoformat(timespec="milliseconds"), "code": "dropped"}


def as_key(key: str | None) -> bytes | None:
    """A key as records have it."""
    return None if key is None else key.encode()


async def dead_letters(
    pool: asyncpg.Pool, policy: str, key: bytes | None = None, after: Place = BEFORE_ALL
) -> AsyncIterator[DeadLetter]:
    """What a policy has parked behind a place, of one key or of all, in log order by partition."""
    async for row in _rows(pool, _PAGE, policy, key, after):
        yield DeadLetter(policy, parked_of(row))


async def dead_letter(pool: asyncpg.Pool, policy: str, place: Place) -> DeadLetter | None:
    """The record that a policy has parked at a place, if it has."""
    row = await pool.fetchrow(_AT, policy, *place)
    return None if row is None else DeadLetter(policy, parked_of(row))


async def count_dead_letters(pool: asyncpg.Pool, policy: str, key: bytes | None = None) -> int:
    """How many records a policy has parked, of one key or of all."""
    return int(await pool.fetchval(_COUNT, policy, key))


async def dropped_letters(
    pool: asyncpg.Pool, policy: str, key: bytes | None = None, after: Place = BEFORE_ALL
) -> AsyncIterator[DroppedLetter]:
    """What was given up for a policy behind a place, of one key or of all, in log order by partition."""
    async for row in _rows(pool, _DROPPED_PAGE, policy, key, after):
        place = f"{row['topic']}/{row['partition']}@{row['record_offset']}"
        told = row["key"].decode(errors="replace"), row["reason"], row["actor"], row["at"]
        yield DroppedLetter(policy, place, *told)


async def count_dropped_letters(pool: asyncpg.Pool, policy: str, key: bytes | None = None) -> int:
    """How many records were given up for a policy, of one key or of all."""
    return int(await pool.fetchval(_DROPPED_COUNT, policy, key))


async def _rows(
    pool: asyncpg.Pool, query: str, policy: str, key: bytes | None, after: Place
) -> AsyncIterator[asyncpg.Record]:
    while rows := await pool.fetch(query, policy, key, *after, PAGE):
        for row in rows:
            yield row
        after = rows[-1]["topic"], rows[-1]["partition"], rows[-1]["record_offset"]
