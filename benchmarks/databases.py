"""Databases of a benchmark's own beside the product's, on the same PostgreSQL."""

from urllib.parse import urlsplit, urlunsplit

import asyncpg

from infra.settings import Settings


async def new_database(settings: Settings, name: str, **options: str) -> str:
    """The address of an empty database; `options` are server settings that hold in it."""
    connection = await asyncpg.connect(settings.dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
        for option, value in options.items():
            await connection.execute(f"ALTER DATABASE {name} SET {option} = {value}")
    finally:
        await connection.close()
    return urlunsplit(urlsplit(settings.dsn)._replace(path=f"/{name}"))
