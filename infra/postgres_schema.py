"""A schema of tables in PostgreSQL that every process of a kind makes for itself when it starts."""

import zlib

import asyncpg


async def make_schema(
    connection: asyncpg.Connection | asyncpg.pool.PoolConnectionProxy, schema: str, ddl: str, lock: int
) -> None:
    """Make what is missing in ``schema``, inside the caller's transaction, one process at a time.

    ``ddl`` makes the schema too, and may run again on a database of any age. The schema's comment tells which one made
    it, so that it is run, and locks the tables, only when it has changed. ``lock`` is the number of the advisory lock,
    the same in all releases. Raises what asyncpg raises.
    """
    await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
    made_by = f"made by DDL {zlib.crc32(ddl.encode()):08x}"
    if await connection.fetchval("SELECT obj_description(to_regnamespace($1), 'pg_namespace')", schema) != made_by:
        await connection.execute(ddl)
        await connection.execute(f"COMMENT ON SCHEMA {schema} IS '{made_by}'")
