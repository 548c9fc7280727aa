"""The runner on real Kafka and PostgreSQL, with the real command API behind it."""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from event_schemas.order import OrderPlaced
from tests.policies.bench import Bench
from tests.support.log import Entry, entry
from tests.support.orders import placed
from tests.support.poll import until


def order(bench: Bench, number: int) -> tuple[str, OrderPlaced]:
    name = f"{bench.topic}-{number}"
    return name, placed((f"{bench.topic.upper()}", 1), order_id=name)


async def caught_up(bench: Bench, *next_offsets: int) -> None:
    await until(bench.offsets, lambda found: found == dict(enumerate(next_offsets)))


async def test_a_position_is_stored_once_the_commands_are_carried_out(bench: Bench) -> None:
    await bench.writer.append(0, [order(bench, number) for number in range(3)])
    async with bench.runner():
        await caught_up(bench, 4, 1)
    assert await bench.answers() == [f"{bench.topic}-{number}/1" for number in range(3)]


async def test_a_runner_goes_on_where_the_last_one_stopped(bench: Bench) -> None:
    async with bench.runner():
        await bench.writer.append(0, [order(bench, 0)])
        await caught_up(bench, 2, 1)
    await bench.writer.append(0, [order(bench, 1)])
    async with bench.runner() as second:
        await caught_up(bench, 3, 1)
        assert second.standing.commands == 1


async def test_an_event_under_an_outdated_claim_never_happened(bench: Bench) -> None:
    await bench.writer.claim(0, epoch=2)
    await bench.writer.append(0, [order(bench, 0)], epoch=1)
    await bench.writer.append(0, [order(bench, 1)])
    async with bench.runner() as runner:
        await caught_up(bench, 4, 1)
        assert runner.standing.void == 1
    assert await bench.answers() == [f"{bench.topic}-1/1"]


async def test_two_runners_at_once_do_everything_once_and_both_arrive(bench: Bench) -> None:
    async with bench.runner() as first, bench.runner() as second:
        for number in range(30):
            await bench.writer.append(number % 2, [order(bench, number)])
        await caught_up(bench, 16, 16)

        async def positions() -> list[list[int]]:
            return [[at.next_offset for at in each.standing.positions.values()] for each in (first, second)]

        assert first.standing.commands + second.standing.commands >= 30
        await bench.writer.append(0, [order(bench, 30)])
        await until(positions, lambda found: [16 + 1, 16] in found)
    assert await bench.answers() == sorted(f"{bench.topic}-{number}/1" for number in range(31))


async def test_poison_parks_its_key_copies_it_and_lets_others_go_on(bench: Bench) -> None:
    key, event = order(bench, 0)
    good = entry(event, key, writer="writer-1", epoch=1)
    await bench.writer.append_raw(0, [Entry(good.key, b"{", good.headers), good])
    await bench.writer.append(0, [order(bench, 1)])
    async with bench.runner() as runner:
        await caught_up(bench, 4, 1)
        await until(bench.parked, lambda found: found == [(1, "invalid_event_value"), (2, "queued_behind")])
        assert runner.standing.parked == 2
    assert await bench.answers() == [f"{bench.topic}-1/1"]

    await bench.writer.append(0, [(key, event)])
    async with bench.runner():
        await caught_up(bench, 5, 1)
        await until(bench.parked, lambda found: [offset for offset, _ in found] == [1, 2, 4])


async def test_a_copy_of_a_parked_record_says_why_and_where_it_lies(bench: Bench) -> None:
    key, event = order(bench, 0)
    good = entry(event, key, writer="writer-1", epoch=1)
    await bench.writer.append_raw(0, [Entry(good.key, b"{", good.headers)])
    async with bench.runner():
        await until(bench.parked, lambda found: len(found) == 1)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bench.settings.bootstrap_servers, group_id=None, auto_offset_reset="earliest"
    )
    async with consumer:
        partitions = [TopicPartition(f"{bench.topic}.dlq", partition) for partition in range(2)]
        consumer.assign(partitions)
        async with asyncio.timeout(20):
            copy = await consumer.getone()
    headers = dict(copy.headers)
    assert (copy.key, copy.value) == (key.encode(), b"{")
    assert headers["x-origin"] == f"policies/{bench.policy.name} {bench.topic}/0@1".encode()
    assert headers["x-error"].startswith(b"invalid_event_value: order.placed.v1")
    assert dict(good.headers).items() <= headers.items()


async def test_a_command_api_that_is_away_is_waited_for_and_nothing_is_lost(bench: Bench) -> None:
    await bench.cable.cut()
    await bench.writer.append(0, [order(bench, 0)])
    async with bench.runner() as runner:

        async def waits_for() -> str:
            return runner.standing.waits_for

        await until(waits_for, lambda reason: "command API" in reason)
        assert await bench.offsets() == {0: 0, 1: 0}
        await bench.cable.mend()
        await caught_up(bench, 2, 1)
        await until(waits_for, lambda reason: not reason)
    assert await bench.answers() == [f"{bench.topic}-0/1"]
