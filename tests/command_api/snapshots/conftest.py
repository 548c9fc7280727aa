"""A store of snapshots on real PostgreSQL, and a partition of which there is no snapshot yet."""

import asyncpg
import pytest

from command_api.snapshots.postgres_store import PostgresSnapshots
from command_api.snapshots.snapshot import Place


@pytest.fixture
async def store(postgres: asyncpg.Pool) -> PostgresSnapshots:
    made = PostgresSnapshots(postgres)
    await made.prepare()
    return made


@pytest.fixture
async def other_store(postgres: asyncpg.Pool) -> PostgresSnapshots:
    """As another process has it."""
    return PostgresSnapshots(postgres)


@pytest.fixture
def place(unique: str) -> Place:
    return Place("cluster-1", unique, 3, "00000000000000aa")
