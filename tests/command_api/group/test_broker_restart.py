"""What becomes of a group when its only broker goes away and comes back."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.launcher.group import Group
from infra.launcher.ports import free_ports
from infra.servers.running import running_servers
from infra.settings import Settings
from tests.command_api.group.members import PARTITIONS, Members, has_lease, settled
from tests.support.log import create_topics


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The broker's folder."""
    return tmp_path_factory.mktemp("broker")


@pytest.fixture(scope="module")
async def own_broker(settings: Settings, home: Path) -> AsyncIterator[tuple[Group, str]]:
    """A broker that nobody else uses, and its address."""
    port, controller_port = free_ports(2)
    alone = settings.model_copy(
        update={
            "home": home,
            "cache": settings.cache or settings.home / "cache",
            "kafka_bootstrap_servers": None,
            "kafka_port": port,
            "kafka_controller_port": controller_port,
            "postgres_dsn": settings.dsn,
            "redis_url": settings.redis_address,
        }
    )
    async with running_servers(alone) as servers:
        await create_topics(alone.bootstrap_servers, ["orders", "stock"], PARTITIONS)
        yield servers, alone.bootstrap_servers


@pytest.mark.parametrize("away_seconds", [0.0, 12.0])
async def test_everybody_comes_back_with_the_broker(
    own_broker: tuple[Group, str], away_seconds: float, unique: str
) -> None:
    servers, address = own_broker
    members = Members(address, ["orders", "stock"], unique)
    three = [members.start(name) for name in ("a", "b", "c")]
    try:
        before = await settled(*three)
        await servers["kafka"].stop()
        for member in three:
            await has_lease(member, expected=False)
        await asyncio.sleep(away_seconds)  # longer than a client waits before it is replaced
        assert all(member.routing.owners == before.owners for member in three)
        servers["kafka"].start()
        for member in three:
            await has_lease(member, seconds=15)
        assert (await settled(*three)).owners == before.owners
    finally:
        await members.close()
