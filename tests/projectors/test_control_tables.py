"""The engine's own tables are brought up to date in a database of any age, and locked only when they have to be."""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from infra.settings import Settings
from projectors.stores import parked_rows
from projectors.stores.control_tables import create_control_tables

BEFORE = """
ALTER TABLE stockroom.projections
    DROP COLUMN switching_until, DROP COLUMN kept_generation, DROP COLUMN kept_version, DROP COLUMN wanted_version;
ALTER TABLE stockroom.projection_offsets DROP COLUMN unparked;
ALTER TABLE stockroom.parked DROP COLUMN appended_ms, DROP COLUMN attempts;
DROP TABLE stockroom.audit, stockroom.rebuilds;
COMMENT ON SCHEMA stockroom IS NULL;
INSERT INTO stockroom.projections (name, version, active_generation) VALUES ('sales', 1, 4);
INSERT INTO stockroom.projection_offsets (projection, generation, version, topic, partition, next_offset)
VALUES ('sales', 4, 1, 'orders', 0, 17);
INSERT INTO stockroom.parked (projection, generation, topic, partition, record_offset, key, error_code, error, headers)
VALUES ('sales', 4, 'orders', 0, 16, 'o1', 'apply_failed', 'why', '[]');
"""


@pytest.fixture
async def empty(settings: Settings, postgres: asyncpg.Pool, unique: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a database in which there is nothing."""
    await postgres.execute(f"CREATE DATABASE {unique}")
    connection = await asyncpg.connect(urlsplit(settings.dsn)._replace(path=f"/{unique}").geturl())
    yield connection
    await connection.close()
    await postgres.execute(f"DROP DATABASE {unique}")


async def test_tables_of_an_older_release_get_what_came_later_and_keep_their_rows(empty: asyncpg.Connection) -> None:
    async with empty.transaction():
        await create_control_tables(empty)
    await empty.execute(BEFORE)
    async with empty.transaction():
        await create_control_tables(empty)
    row = await empty.fetchrow(
        "SELECT active_generation, switching_until, kept_generation, wanted_version FROM stockroom.projections"
    )
    assert tuple(row or ()) == (4, None, None, None)
    row = await empty.fetchrow("SELECT next_offset, unparked FROM stockroom.projection_offsets")
    assert tuple(row or ()) == (17, 0)
    (letter,) = await parked_rows.page(empty, "sales", "orders", None, (-1, -1), 10)
    assert (letter.place, letter.attempts, letter.record.appended_ms) == ("orders/0@16", 1, 0)
    assert await empty.fetchval("SELECT count(*) FROM stockroom.audit") == 0


async def test_tables_that_are_up_to_date_are_not_locked(empty: asyncpg.Connection) -> None:
    async with empty.transaction():
        await create_control_tables(empty)
    async with empty.transaction():
        await create_control_tables(empty)
        locked = await empty.fetch(
            "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'stockroom' AND l.pid = pg_backend_pid()"
        )
    assert locked == []
