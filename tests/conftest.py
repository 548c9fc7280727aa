"""Servers for all tests: real ones, from the settings that `./stockroom test` puts into the environment."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from redis.asyncio import Redis

from infra.settings import Settings


async def _reach(name: str, host: str, port: int) -> None:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), 5)
    except (OSError, TimeoutError) as error:
        pytest.fail(f"{name} does not answer on {host}:{port} ({error}). Run `./stockroom test`, which starts its own.")
    writer.close()
    await writer.wait_closed()


@pytest.fixture(scope="session")
async def settings() -> Settings:
    """The settings, once Kafka, PostgreSQL and Redis answer. Fails with what to do when one does not."""
    found = Settings()
    kafka_host, _, kafka_port = found.bootstrap_servers.split(",")[0].rpartition(":")
    await _reach("Kafka", kafka_host, int(kafka_port))
    for name, url, port in (("PostgreSQL", found.dsn, 5432), ("Redis", found.redis_address, 6379)):
        parts = urlsplit(url)
        await _reach(name, parts.hostname or "127.0.0.1", parts.port or port)
    return found


@pytest.fixture(scope="session")
async def postgres(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    """A pool of connections to PostgreSQL."""
    async with asyncpg.create_pool(settings.dsn, min_size=1, max_size=10) as pool:
        yield pool


@pytest.fixture(scope="session")
async def redis(settings: Settings) -> AsyncIterator[Redis]:
    """A client of Redis, answers as bytes."""
    client = Redis.from_url(settings.redis_address, socket_timeout=None)  # with one, Python 3.11 loses cancellations
    yield client
    await client.aclose()


@pytest.fixture
def unique() -> str:
    """A name that no other test has, fit for topics, projections and schemas."""
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
async def own(settings: Settings, postgres: asyncpg.Pool, redis: Redis, unique: str) -> AsyncIterator[Settings]:
    """Settings with a database of their own."""
    await postgres.execute(f"CREATE DATABASE {unique}")
    yield settings.model_copy(update={"postgres_dsn": urlsplit(settings.dsn)._replace(path=f"/{unique}").geturl()})
    await postgres.execute(f"DROP DATABASE {unique} WITH (FORCE)")
