"""The read models in PostgreSQL: read-only queries through a pool that connects when it is needed, and again."""

import asyncio
from typing import Any

import asyncpg

from infra.away import POSTGRES_AWAY, cut_off
from infra.http.problems import DependencyUnavailable
from query_api.refusals import ProjectionMissing, QueryTimeout

MOST_CONNECTIONS = 10
CONNECT_SECONDS = 3.0
QUERY_SECONDS = 4.5
ANSWER_SECONDS = 5.0
RELEASE_SECONDS = 1.0
TYPO_SIMILARITY = "0.4"

_AWAY = (OSError, *POSTGRES_AWAY, asyncpg.InvalidCatalogNameError)
_MISSING = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedColumnError)


class Postgres:
    """Queries against the views. Nothing connects before `open`, and `open` needs no server."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool | None = None

    async def open(self) -> None:
        """Makes the pool; connections are made as queries need them."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=MOST_CONNECTIONS,
            timeout=CONNECT_SECONDS,
            command_timeout=ANSWER_SECONDS,
            reset=_nothing_to_reset,
            server_settings={
                "application_name": "stockroom query_api",
                "default_transaction_read_only": "on",
                "statement_timeout": str(int(QUERY_SECONDS * 1000)),
                "pg_trgm.word_similarity_threshold": TYPO_SIMILARITY,
                "timezone": "UTC",
                "jit": "off",
            },
        )

    async def close(self) -> None:
        """Ends all connections."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool = None

    async def rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        """All rows of a query.

        Raises `DependencyUnavailable` when the server is away, has no room or says nothing for `ANSWER_SECONDS`,
        `ProjectionMissing` when a view does not exist, `QueryTimeout` when it takes more than `QUERY_SECONDS`.
        """
        if self._pool is None:
            raise DependencyUnavailable("PostgreSQL is not connected.")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._fetch(self._pool, sql, args)
        except asyncpg.QueryCanceledError as error:
            raise QueryTimeout(f"More than {QUERY_SECONDS:g} s.") from error
        except _MISSING as error:
            raise ProjectionMissing("The projectors have not made this read model yet.") from error
        except _AWAY as error:
            if isinstance(error, asyncpg.InterfaceError) and not cut_off(error):
                raise
            raise DependencyUnavailable("PostgreSQL does not answer; it is tried again by itself.") from error

    async def row(self, sql: str, *args: Any) -> asyncpg.Record | None:
        """The first row of a query, if any. Raises as `rows` does."""
        found = await self.rows(sql, *args)
        return found[0] if found else None

    async def _fetch(self, pool: asyncpg.Pool, sql: str, args: tuple[Any, ...]) -> list[asyncpg.Record]:
        connection = await pool.acquire()
        try:
            return await connection.fetch(sql, *args)
        except (TimeoutError, asyncio.CancelledError):
            # To cancel the query politely, asyncpg would ask the server that has just said nothing, and wait for it.
            connection.terminate()
            raise
        finally:
            await pool.release(connection, timeout=RELEASE_SECONDS)


async def _nothing_to_reset(connection: Any) -> None:
    """Single reads leave nothing behind in a session; the default reset is a round trip for each."""
