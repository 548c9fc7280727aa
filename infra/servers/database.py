"""The product's database in a PostgreSQL server: made when it is missing, with the extensions of the read models."""

from urllib.parse import urlsplit, urlunsplit

import asyncpg

from infra.launcher.program import NotReady
from infra.reason import reason

EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin")
SECONDS = 5.0


async def make_ready(dsn: str) -> None:
    """Returns when the database of `dsn` is there with its extensions, which it makes; raises `NotReady` until then."""
    try:
        try:
            connection = await asyncpg.connect(dsn, timeout=SECONDS)
        except asyncpg.InvalidCatalogNameError:
            await _create_database(dsn)
            connection = await asyncpg.connect(dsn, timeout=SECONDS)
        try:
            for extension in EXTENSIONS:
                await connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{extension}"')
        finally:
            await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise NotReady(f"PostgreSQL: {reason(error)}") from error


async def _create_database(dsn: str) -> None:
    parts = urlsplit(dsn)
    name = parts.path.lstrip("/")
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")), timeout=SECONDS)
    try:
        await connection.execute('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
    except asyncpg.DuplicateDatabaseError:
        return
    finally:
        await connection.close()
