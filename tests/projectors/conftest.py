"""A tiny projection over a topic of its own, once in PostgreSQL and once in Redis."""

from collections.abc import AsyncIterator
from typing import Literal

import asyncpg
import pytest
from redis.asyncio import Redis

from infra.settings import Settings
from projectors.stores.connect import connect_postgres
from tests.projectors.tiny import PARTITIONS, Bench, tiny
from tests.support.log import LogWriter, create_topics, delete_topics


@pytest.fixture(scope="session")
async def pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """The pool as the process has it."""
    async with connect_postgres(settings) as pool:
        yield pool


@pytest.fixture
def store() -> Literal["postgres", "redis"]:
    """The store of the bench; tests of one store alone go on with this, others name both."""
    return "postgres"


@pytest.fixture
async def bench(
    settings: Settings, pool: asyncpg.Pool, redis: Redis, unique: str, store: Literal["postgres", "redis"]
) -> AsyncIterator[Bench]:
    """Three partitions, each claimed by `writer-1` at epoch 1."""
    projection = tiny(unique, store)
    topics = [unique, f"{unique}.dlq"]
    await create_topics(settings.bootstrap_servers, topics, len(PARTITIONS))
    async with LogWriter(settings.bootstrap_servers, unique) as writer:
        for partition in PARTITIONS:
            await writer.claim(partition)
        yield Bench(settings, pool, redis, projection, writer)
    await delete_topics(settings.bootstrap_servers, topics)
    for name in (unique, f"{unique}_public", *(f"{unique}_g{number}" for number in range(1, 6))):
        await pool.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
