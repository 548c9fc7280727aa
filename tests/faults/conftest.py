"""The servers of these tests: their own, since they are killed, and since planted bugs spoil the log for others."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.faults.campaign.rig import Rig, running_rig


@pytest.fixture(scope="package")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Rig]:
    """Servers with topics, and three instances of the command API that are not started."""
    folder = tmp_path_factory.mktemp("faults")
    folder.parent.chmod(0o755)  # PostgreSQL may run as another user
    async with running_rig(folder) as rig:
        yield rig


@pytest.fixture
async def rig(servers: Rig) -> AsyncIterator[Rig]:
    """The same, for one test: its processes are stopped at the end, and what they have kept of the log is thrown away,
    since a planted bug keeps what never was."""
    yield servers
    await servers.stop()
    connection = await asyncpg.connect(servers.settings.dsn)
    await connection.execute("DROP SCHEMA IF EXISTS command_api CASCADE")
    await connection.close()
