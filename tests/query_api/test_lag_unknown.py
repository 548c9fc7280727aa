"""`/v1/projections` where Kafka does not tell when the first record was appended that is not applied."""

import asyncpg
from aiokafka import AIOKafkaProducer

from infra.settings import Settings
from query_api.log import Log
from query_api.sources import Sources
from tests.query_api.conftest import client_of
from tests.query_api.shelf import Shelf
from tests.support.poll import until
from tests.support.running import running


class _LostAfterEnds(Log):
    """A Kafka that goes away after it has told the ends of partitions."""

    async def ends(self) -> dict[tuple[str, int], int]:
        told = await super().ends()
        await self._disconnect()
        return told


async def test_kafka_may_go_between_the_ends_and_the_age_of_the_first_unread_record_which_is_then_not_known(
    own_settings: Settings, shelf: Shelf
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own_settings.bootstrap_servers)
    connection = await asyncpg.connect(own_settings.dsn)
    lost = Sources(own_settings)
    lost.log = _LostAfterEnds(own_settings.bootstrap_servers)
    here = "projection = 'order_history' AND partition = 0"
    next_offset = await connection.fetchval(f"SELECT next_offset FROM stockroom.projection_offsets WHERE {here}")
    await producer.start()
    await lost.open()
    try:
        await producer.send_and_wait("orders", b"{}", partition=0)
        await connection.execute(f"UPDATE stockroom.projection_offsets SET next_offset = 0 WHERE {here}")

        async def connected() -> bool:
            return lost.log.connected

        async with running(lost.log.run()), client_of(own_settings, lost) as client:
            await until(connected, bool)
            answer = await client.get("/v1/projections")
            assert answer.status_code == 200, answer.text
            item = next(one for one in answer.json()["items"] if one["name"] == "order_history")
            first = item["partitions"][0]
            assert first["lag_events"] >= 1
            assert (first["lag_seconds"], item["lag_seconds"]) == (None, None)
            assert item["lag_events"] == sum(one["lag_events"] for one in item["partitions"])
    finally:
        await connection.execute(f"UPDATE stockroom.projection_offsets SET next_offset = {next_offset} WHERE {here}")
        await connection.close()
        await lost.close()
        await producer.stop()
