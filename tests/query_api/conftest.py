"""A database and a Redis index of its own, read models filled with a story, and a client of the app over ASGI."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from infra.settings import Settings
from query_api.app import create_app
from query_api.sources import Sources
from tests.query_api.shelf import Shelf
from tests.query_api.story import story
from tests.support.poll import until
from tests.support.running import running

REDIS_INDEX = 9


def at_path(url: str, path: str) -> str:
    """The same server, another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


@pytest.fixture(scope="module")
async def own_settings(settings: Settings) -> AsyncIterator[Settings]:
    """Settings with a fresh database and an empty Redis index; both are gone afterwards."""
    database = f"query_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(settings.dsn)
    redis = Redis.from_url(at_path(settings.redis_address, str(REDIS_INDEX)))
    await connection.execute(f"CREATE DATABASE {database}")
    await redis.flushdb()
    yield settings.model_copy(
        update={
            "postgres_dsn": at_path(settings.dsn, database),
            "redis_url": at_path(settings.redis_address, str(REDIS_INDEX)),
            "consistency_wait_seconds": 0.3,
        }
    )
    await redis.flushdb()
    await redis.aclose()
    await connection.execute(f"DROP DATABASE {database} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="module")
async def own_redis(own_settings: Settings) -> AsyncIterator[Redis]:
    """A client of the Redis index."""
    client = Redis.from_url(own_settings.redis_address)
    yield client
    await client.aclose()


@pytest.fixture(scope="module")
async def shelf(own_settings: Settings, own_redis: Redis) -> AsyncIterator[Shelf]:
    """The read models, with the story applied."""
    async with asyncpg.create_pool(own_settings.dsn, min_size=1, max_size=4) as pool:
        made = Shelf(pool, own_redis)
        await made.prepare()
        await made.feed(story(made.log))
        yield made


@pytest.fixture(scope="module")
async def sources(own_settings: Settings, shelf: Shelf) -> AsyncIterator[Sources]:
    """What the app reads from, once Kafka has answered it."""
    made = Sources(own_settings)
    await made.open()

    async def connected() -> bool:
        return made.log.connected

    async with running(made.log.run()):
        await until(connected, bool)
        yield made
    await made.close()


@pytest.fixture
async def client(own_settings: Settings, sources: Sources) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app."""
    async with client_of(own_settings, sources) as made:
        yield made


def client_of(settings: Settings, sources: Sources) -> httpx.AsyncClient:
    """A client of an app that answers from `sources`."""
    transport = httpx.ASGITransport(create_app(settings, sources), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://query", timeout=30)
