"""The engine over real servers: each event that counts is applied once, whatever is killed, void, poison or lost."""

import asyncio
import operator
import sys
from functools import partial
from urllib.parse import urlsplit

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from infra.settings import REPOSITORY
from projectors.engine.engine import Engine
from projectors.engine.group_offsets import group_of
from projectors.engine.status import State, Status
from projectors.stores.connect import connect_postgres, connect_redis
from tests.projectors.tiny import Bench, received, tiny
from tests.support.cable import cable_to_postgres, cable_to_redis
from tests.support.log import LogWriter, create_topics, delete_topics, entry
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


async def _passed(status: Status) -> int:
    return sum(one.position.next_offset for one in status.standings.values())


@both_stores
async def test_every_event_counts_once_however_often_the_worker_is_killed(bench: Bench) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received(f"s{n % 50}") for n in range(8_000)])
    for goal in (1, 5_000, 9_000, 15_000):
        async with bench.working() as status:
            await until(partial(_passed, status), partial(operator.le, goal))
    async with bench.working():
        await bench.until_totals({f"s{n}": 480 for n in range(50)})


@both_stores
async def test_an_event_appended_while_the_worker_runs_shows_without_delay(bench: Bench) -> None:
    async with bench.working():
        for number in range(1, 6):
            await bench.writer.append(number % 3, [received("live")])
            await bench.until_totals({"live": number})


@both_stores
async def test_records_of_an_outdated_writer_are_counted_as_void_and_change_nothing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    async with LogWriter(bench.settings.bootstrap_servers, bench.projection.topic, "writer-2") as successor:
        await successor.claim(0, epoch=2)
        await bench.writer.append(0, [received("a"), received("zombie")])
        await successor.append(0, [received("a")])
    async with bench.working() as status:
        await bench.until_totals({"a": 2})
        assert status.standings[0].void == 2
        assert status.parked.keys == frozenset()


@both_stores
async def test_the_holder_is_kept_across_a_restart_in_the_middle(bench: Bench) -> None:
    async with LogWriter(bench.settings.bootstrap_servers, bench.projection.topic, "writer-2") as successor:
        await successor.claim(0, epoch=2)
        await successor.append(0, [received("a")])
        async with bench.working():
            await bench.until_totals({"a": 1})
        await bench.writer.append(0, [received("zombie")])
        await successor.append(0, [received("a")])
        async with bench.working():
            await bench.until_totals({"a": 2})


@both_stores
async def test_poison_parks_its_key_and_all_other_keys_go_on(bench: Bench) -> None:
    await bench.writer.append(0, [received("good"), received("bad"), received("bad", 5_000), received("good")])
    await bench.writer.append(0, [received("bad"), received("good")])
    await bench.writer.append(1, [received("worse", reference="explode"), received("fine"), received("worse")])
    expected = {"good": 3, "bad": 1, "fine": 1}
    parked = [
        ("bad", 3, "apply_failed"),
        ("bad", 5, "queued_behind"),
        ("worse", 1, "apply_failed"),
        ("worse", 3, "queued_behind"),
    ]
    async with bench.working():
        await bench.until_totals(expected)
    assert await bench.parked() == parked
    await bench.writer.append(0, [received("bad"), received("good")])
    async with bench.working() as status:
        await bench.until_totals({**expected, "good": 4})
        assert status.parked.keys == {"bad", "worse"}
    assert (await bench.parked()) == [*parked[:2], ("bad", 7, "queued_behind"), *parked[2:]]


@both_stores
async def test_an_undecodable_record_is_parked_and_copied_with_its_headers(bench: Bench) -> None:
    broken = entry(received("broken")[1], "broken", writer="writer-1", epoch=1)._replace(value=b"{not json \xff")
    await bench.writer.append_raw(2, [broken])
    await bench.writer.append(2, [received("broken"), received("other")])
    consumer = AIOKafkaConsumer(
        f"{bench.projection.topic}.dlq",
        bootstrap_servers=bench.settings.bootstrap_servers,
        auto_offset_reset="earliest",
    )
    async with bench.working():
        await bench.until_totals({"other": 1})
        await consumer.start()
        try:
            copies = [await consumer.getone(), await consumer.getone()]
        finally:
            await consumer.stop()
    assert await bench.parked() == [("broken", 1, "invalid_event_value"), ("broken", 2, "queued_behind")]
    first = next(copy for copy in copies if copy.value == broken.value)
    headers = dict(first.headers)
    assert (first.key, first.headers[: len(broken.headers)]) == (b"broken", tuple(broken.headers))
    assert headers["x-error"].startswith(b"invalid_event_value: ")
    assert headers["x-origin"].decode() == f"{bench.projection.name} {bench.projection.topic}/2@1"


@both_stores
async def test_an_event_type_that_nobody_declared_is_parked(bench: Bench) -> None:
    known = entry(received("s")[1], "s", writer="writer-1", epoch=1)
    headers = [(name, b"stock.vanished.v1" if name == "ce_type" else value) for name, value in known.headers]
    await bench.writer.append_raw(0, [known._replace(headers=headers)])
    await bench.writer.append(0, [received("other")])
    async with bench.working():
        await bench.until_totals({"other": 1})
    assert await bench.parked() == [("s", 1, "unknown_event_type")]


async def test_a_redis_that_lost_its_data_is_filled_again_without_a_new_event(bench: Bench, redis: Redis) -> None:
    projection = tiny(bench.projection.name, "redis")
    address = urlsplit(bench.settings.redis_address)._replace(path="/9").geturl()
    elsewhere = bench.settings.model_copy(update={"redis_url": address})
    client = connect_redis(elsewhere)
    lost = Bench(elsewhere, bench.pool, client, projection, bench.writer)
    await bench.writer.append(0, [received("a", 3), received("b")])
    async with lost.working():
        await lost.until_totals({"a": 3, "b": 1})
        await client.flushdb()
        await lost.until_totals({"a": 3, "b": 1})
        await client.flushdb()
        await bench.writer.append(0, [received("a")])
        await lost.until_totals({"a": 4, "b": 1})
    await client.flushdb()
    await client.aclose()


@both_stores
async def test_a_store_that_goes_away_is_waited_for_and_nothing_is_lost(bench: Bench) -> None:
    cable_to = cable_to_redis if bench.projection.store == "redis" else cable_to_postgres
    async with cable_to(bench.settings) as (cable, through):
        client = connect_redis(through)
        async with connect_postgres(through) as pool:
            engine = Engine(through, pool, client, [bench.projection])
            async with running(engine.run()):
                await bench.writer.append(0, [received("a")])
                await bench.until_totals({"a": 1})
                await cable.cut()
                await bench.writer.append(0, [received("a"), received("b")])
                await until(lambda: _reasons(engine), lambda reasons: bench.projection.name in reasons)
                assert engine.runners[0].status.state is State.WAITING
                await cable.mend()
                await bench.until_totals({"a": 2, "b": 1})
                await until(lambda: _reasons(engine), lambda reasons: not reasons)
        await client.aclose()


async def _reasons(engine: Engine) -> dict[str, str]:
    return await engine.not_ready()


async def test_a_truncated_log_stops_that_projection_alone(bench: Bench, unique: str) -> None:
    other = tiny(f"{unique}b", "postgres")
    await create_topics(bench.settings.bootstrap_servers, [other.topic], 1)
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
    await bench.pool.execute(
        "UPDATE stockroom.projection_offsets SET next_offset = 1000 WHERE projection = $1 AND partition = 0", unique
    )
    engine = Engine(bench.settings, bench.pool, bench.redis, [bench.projection, other])
    stopped, running_on = (runner.status for runner in engine.runners)
    async with running(engine.run()), LogWriter(bench.settings.bootstrap_servers, other.topic) as writer:
        await until(lambda: _state(stopped), lambda state: state is State.STOPPED)
        await writer.claim(0)
        await writer.append(0, [received("b")])
        await until(lambda: _passed(running_on), lambda passed: passed == 2)
        assert unique not in await engine.not_ready()
        [alarm] = engine.alarms()
        assert alarm.startswith(f"{unique} stopped: LogTruncated")
    await delete_topics(bench.settings.bootstrap_servers, [other.topic])


async def _state(status: Status) -> State:
    return status.state


async def test_lag_shows_in_the_description_and_as_a_consumer_group(bench: Bench) -> None:
    await bench.writer.append(1, [received("a"), received("b")])
    engine = bench.engine()
    async with running(engine.run()):
        await bench.until_totals({"a": 1, "b": 1})
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bench.settings.bootstrap_servers,
            group_id=group_of(bench.projection.name),
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            place = TopicPartition(bench.projection.topic, 1)
            await until(lambda: consumer.committed(place), lambda offset: offset == 3)
        finally:
            await consumer.stop()
        described = engine.described()[0]
        tool = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "infra.cli", "kafka-consumer-groups"),
            *("--bootstrap-server", bench.settings.bootstrap_servers),
            *("--describe", "--group", group_of(bench.projection.name)),
            cwd=REPOSITORY,
            stdout=asyncio.subprocess.PIPE,
        )
        shown = [line.split() for line in (await tool.communicate())[0].decode().splitlines()]
    heading = next(line for line in shown if line[:1] == ["GROUP"])
    lines = [dict(zip(heading, line, strict=False)) for line in shown if line[:1] == [group_of(bench.projection.name)]]
    rows = {line["PARTITION"]: line for line in lines}
    assert rows["1"]["TOPIC"] == bench.projection.topic
    assert (rows["1"]["CURRENT-OFFSET"], rows["1"]["LOG-END-OFFSET"], rows["1"]["LAG"]) == ("3", "3", "0")
    assert described["partitions"][1]["next_offset"] == described["partitions"][1]["end"] == 3
    assert described["partitions"][1]["lag_events"] == described["partitions"][1]["lag_seconds"] == 0
