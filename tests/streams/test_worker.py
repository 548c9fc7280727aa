"""The streams' process over real servers: exact sums after a quiet end, whatever was killed."""

import asyncio
import signal
from functools import partial

import pytest
from aiokafka import TopicPartition
from redis.asyncio import Redis

from infra.settings import Settings
from tests.projectors.log import confirmed
from tests.streams import broker
from tests.streams.conftest import PARTITIONS, Streams
from tests.streams.shop import Shop
from tests.support.log import entry
from tests.support.poll import until
from tests.support.running import running


def more_than(before: int, positions: list[int]) -> bool:
    return sum(positions) > before


async def test_after_a_quiet_end_the_figures_equal_an_exact_sum(streams: Streams) -> None:
    shop = Shop(1)
    await streams.start()
    for _ in range(5):
        for partition in range(PARTITIONS):
            await streams.append(partition, shop.orders(300))
    await streams.caught_up()
    await shop.equals(streams)
    assert await streams.end(signal.SIGTERM) == 0


async def test_killed_again_and_again_it_recovers_and_counts_nothing_twice_and_loses_nothing(streams: Streams) -> None:
    shop = Shop(2)
    async with running(never_go_back(streams)):
        for _ in range(3):
            await streams.start()
            before = sum(await streams.positions())
            for partition in range(PARTITIONS):
                await streams.append(partition, shop.orders(2_000))
            await until(streams.positions, partial(more_than, before), 60)
            assert await streams.end(signal.SIGKILL) == -signal.SIGKILL
        await streams.start()
        await streams.caught_up()
    await shop.equals(streams)


async def never_go_back(streams: Streams) -> None:
    """Fails when what is published is older than what was published before."""
    highest = [0] * PARTITIONS
    while True:
        found = await streams.positions()
        assert all(now >= before for now, before in zip(found, highest, strict=True)), (found, highest)
        highest = found
        await asyncio.sleep(0.05)


async def test_records_that_never_happened_and_records_without_an_event_change_nothing(streams: Streams) -> None:
    shop = Shop(3)
    await streams.start()
    await streams.append(0, shop.orders(50))
    await streams.writer.claim(0, epoch=2)
    zombie = [entry(confirmed("late", {"S1": 99}), "late", writer="writer-1", epoch=1) for _ in range(10)]
    stranger = [entry(confirmed("strange", {"S1": 99}), "strange", writer="nobody", epoch=7)]
    await streams.writer.append_raw(0, [*zombie, *stranger])
    await streams.append(0, shop.orders(50))
    await streams.end()
    await streams.start()
    await streams.append(0, shop.orders(50))
    await streams.caught_up()
    await shop.equals(streams)


async def test_what_redis_has_lost_is_published_again(streams: Streams, redis: Redis) -> None:
    shop = Shop(4)
    await streams.start()
    await streams.append(0, shop.orders(200))
    await streams.caught_up()
    async for key in redis.scan_iter(f"{streams.name}:*"):
        await redis.delete(key)
    await streams.caught_up()
    await shop.equals(streams)


async def test_an_event_that_cannot_be_read_is_passed_over_and_told_also_after_a_restart(
    streams: Streams, settings: Settings
) -> None:
    shop = Shop(5)
    await streams.start()
    broken = entry(confirmed("broken", {"S1": 1}), "broken", writer="writer-1", epoch=1)._replace(value=b"not json")
    place = f"{streams.name}/0@{await streams.writer.append_raw(0, [broken])}"
    await streams.append(0, shop.orders(20))
    await streams.caught_up()
    await shop.equals(streams)
    (alarm,) = (await streams.get("/ready"))[1]["alarms"]
    assert alarm.startswith(f"{streams.name}/0: 1 undecodable events")
    assert alarm.endswith(place)
    await until(partial(broker.committed, settings, streams.group), lambda found: found.get(0) == streams.ends[0], 60)
    await streams.end(signal.SIGKILL)
    await streams.start()
    ready = {"status": "ready", "alarms": [alarm]}
    await until(partial(streams.get, "/ready"), lambda found: found == (200, ready), 60)
    await streams.append(0, shop.orders(20))
    await streams.caught_up()
    await shop.equals(streams)
    assert await streams.get("/ready") == (200, ready)
    for partition in range(PARTITIONS):
        labels = f'{{projection="streams",partition="{partition}"}}'
        assert f"stockroom_projection_lag_seconds{labels} 0.0\n" in await streams.metrics()


async def test_a_killed_worker_has_its_tables_again_though_the_log_has_forgotten_what_they_hold(
    streams: Streams, settings: Settings
) -> None:
    shop = Shop(9)
    await streams.start()
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(200))
    stored = dict(enumerate(streams.ends))
    await until(partial(broker.committed, settings, streams.group), lambda found: found == stored, 60)
    await streams.end(signal.SIGKILL)
    await broker.delete_records(settings, streams.name, stored)
    await streams.start()
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(200))
    await streams.caught_up()
    await shop.equals(streams)


@pytest.mark.parametrize("committed", ["before", "beyond"])
async def test_a_committed_offset_that_is_wrong_changes_nothing(
    streams: Streams, settings: Settings, committed: str
) -> None:
    shop = Shop(6)
    await streams.start()
    await streams.append(0, shop.orders(100))
    await streams.caught_up()
    await streams.end()
    await streams.append(0, shop.orders(100))
    wrong = 0 if committed == "before" else streams.ends[0]
    await broker.commit(settings, streams.group, TopicPartition(streams.name, 0), wrong)
    await streams.append(0, shop.orders(100))
    await streams.start()
    await streams.caught_up()
    await shop.equals(streams)
