"""A client of Redis does not send anything over a connection that was closed while it lay idle."""

import pytest
from redis.asyncio import Redis

from infra.settings import Settings
from projectors.stores.connect import connect_redis
from query_api.sorted_sets import SortedSets
from tests.support.poll import until


@pytest.mark.parametrize("process", ["projectors", "query_api"])
async def test_the_first_command_after_the_server_closed_an_idle_connection_is_answered(
    settings: Settings, redis: Redis, process: str
) -> None:
    client = connect_redis(settings) if process == "projectors" else SortedSets(settings.redis_address)._redis
    try:
        await _close_idle(client, redis)
        assert await client.ping()
    finally:
        await client.aclose()


async def _close_idle(client: Redis, by: Redis) -> None:
    """Have the server close the one connection of a client, and wait until the client's side has heard of it."""
    number = await client.client_id()
    await by.client_kill_filter(_id=str(number))
    (connection,) = client.connection_pool._available_connections
    await until(connection.can_read, bool)
