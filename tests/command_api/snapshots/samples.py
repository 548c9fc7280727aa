"""Marks, aggregates and keys of a partition that is made up."""

import time

import asyncpg

from command_api.snapshots.postgres_store import PostgresSnapshots
from command_api.snapshots.snapshot import Base, Kept, Keys, Mark, Place
from event_schemas.holder import Holder
from infra.log_batch import Position

NOW_MS = int(time.time() * 1000)
HOUR_MS = 3_600_000


def mark(next_offset: int, *, epoch: int = 1, writer: str = "writer-1") -> Mark:
    return Mark(Position(next_offset, Holder(epoch, writer)), f"id-{next_offset - 1}")


def kept(subject: str, version: int = 1) -> Kept:
    return Kept(subject, version, f'{{"of":"{subject}","at":{version}}}'.encode())


def keys(name: str, count: int = 1, *, hours_old: float = 0.0) -> Keys:
    return Keys(name.encode(), count, NOW_MS - round(hours_old * HOUR_MS))


async def begin(store: PostgresSnapshots, place: Place) -> Base | None:
    return await store.begin(place, keys_since_ms=0, most_keys=1_000_000)


async def begun(store: PostgresSnapshots, place: Place) -> Base:
    base = await begin(store, place)
    assert base is not None
    return base


async def generation(postgres: asyncpg.Pool, place: Place) -> int:
    query = "SELECT generation FROM command_api.snapshots WHERE topic = $1 AND partition = $2"
    found: int = await postgres.fetchval(query, place.topic, place.partition)
    return found
