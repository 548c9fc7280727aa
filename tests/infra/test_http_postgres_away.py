"""What an endpoint answers when PostgreSQL, or its client, raises: away is told apart from a mistake of ours."""

from collections.abc import AsyncIterator
from contextlib import suppress

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from infra.http.problem_handlers import install


@pytest.fixture
async def client(postgres: asyncpg.Pool) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app)

    @app.get("/lost")
    async def lost() -> None:
        async with postgres.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    @app.get("/used-after-it-was-lost")
    async def used_after() -> None:
        async with postgres.acquire() as connection:
            with suppress(asyncpg.ConnectionDoesNotExistError):
                await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            await connection.execute("SELECT 1")

    @app.get("/argument")
    async def argument() -> None:
        await postgres.fetch("SELECT $1::int")

    @app.get("/cancelled")
    async def cancelled() -> None:
        await postgres.fetch("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(60)")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as made:
        yield made


@pytest.mark.parametrize("path", ["/lost", "/used-after-it-was-lost"])
async def test_a_connection_that_was_lost_is_told_as_a_server_that_is_away(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert answer.json()["detail"].startswith("PostgreSQL does not answer")


@pytest.mark.parametrize("path", ["/argument", "/cancelled"])
async def test_a_mistake_of_the_caller_is_not_told_as_a_server_that_is_away(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
