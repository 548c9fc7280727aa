"""The client of policies with two real instances of the command API: who gets a command, and who while one is away."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from event_schemas.record import recorded
from event_schemas.stock import StockReservationRejected
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.partition_of import partition_of
from infra.settings import Settings
from policies.bulk_line import BulkLine
from policies.command_client import CommandClient
from policies.standing import Standing
from tests.policies.instance import Place, instance_at, place, process_at
from tests.support.poll import until
from tests.support.running import running


@pytest.fixture
async def other(settings: Settings, instance: Place) -> AsyncIterator[Place]:
    """A place for a second instance beside the one that always runs."""
    async with place() as found:
        yield found


@asynccontextmanager
async def client(*places: Place) -> AsyncIterator[CommandClient]:
    addresses = [each.address for each in places]
    async with CommandClient(addresses, most_lines=50, most_bytes=1_000_000) as made, running(made.keep_up()):
        yield made


def asking(unique: str, number: int, sku: str) -> BulkLine:
    """Asks for a piece that is not there, for a loan: one event, which no policy reacts to."""
    key = f"{unique}-{number}"
    command = {"type": "ReserveStock", "sku": sku, "reservation_id": key, "purpose": "LOAN", "ref_id": unique}
    body = {"key": key, "actor": "system:test", "command": {**command, "quantity": 1}}
    return BulkLine(key, sku, "ReserveStock", json.dumps(body).encode())


async def sku_of(place: Place, unique: str, partitions: int) -> str:
    """A product whose stock the instance at this place holds."""
    shards = await until(place.shards, bool)
    names = (f"{unique}-{number}".upper() for number in range(1_000))
    return next(name for name in names if partition_of(name, partitions) in shards)


async def knows(client: CommandClient, sku: str, place: Place) -> None:
    async def address() -> str:
        return client.instances.address_of(sku)

    await until(address, lambda found: found == place.address)


async def answered(settings: Settings, unique: str) -> list[tuple[str, str]]:
    """Product and key of every answer in the log, in order."""
    start = {("stock", partition): START for partition in range(settings.partitions)}
    async with LogReader(settings.bootstrap_servers, start) as reader:
        batches = [batch async for batch in reader.until(await reader.ends())]
    events = [
        recorded(record).event
        for batch in batches
        for record in batch.records
        if ("ce_type", b"stock.reservation_rejected.v1") in record.headers
    ]
    return [
        (event.sku, event.reservation_id)
        for event in events
        if isinstance(event, StockReservationRejected) and event.ref_id == unique
    ]


def assert_once_and_in_order(found: Sequence[tuple[str, str]], lines: Sequence[BulkLine]) -> None:
    assert sorted(key for _, key in found) == sorted(line.key for line in lines)
    for sku in {line.aggregate_id for line in lines}:
        assert [key for of, key in found if of == sku] == [line.key for line in lines if line.aggregate_id == sku]


async def test_a_command_goes_straight_to_the_instance_that_holds_its_aggregate(
    settings: Settings, instance: Place, other: Place, unique: str
) -> None:
    async with instance_at(other, settings), client(instance) as commands:
        sku, standing = await sku_of(other, unique, settings.partitions), Standing("test", "stock")
        await knows(commands, sku, other)
        await instance.cable.cut()
        try:
            assert await commands.carry_out([asking(unique, 1, sku)], standing) == []
        finally:
            await instance.cable.mend()
    assert (standing.requests, standing.retried) == (1, 0)


async def test_instances_come_and_go_and_every_command_is_carried_out_once_and_in_order(
    settings: Settings, instance: Place, other: Place, unique: str
) -> None:
    standing, sent = Standing("test", "stock"), list[BulkLine]()

    async def send(commands: CommandClient) -> None:
        while True:
            lines = [asking(unique, len(sent) + n, f"{unique}-{n % 7}".upper()) for n in range(70)]
            sent.extend(lines)
            assert await asyncio.shield(commands.carry_out(lines, standing)) == []

    async def count() -> int:
        return len(sent)

    async with client(other, instance) as commands:
        sending = asyncio.create_task(send(commands))
        for _ in range(3):
            now = len(sent)
            async with instance_at(other, settings):
                sku = await sku_of(other, unique, settings.partitions)
                await knows(commands, sku, other)
                now = await until(count, lambda found, before=now: found > before + 500)  # type: ignore[misc]
            await knows(commands, sku, instance)
            await until(count, lambda found, before=now: found > before + 500)  # type: ignore[misc]
        sending.cancel()
        await asyncio.wait({sending})
        assert sending.cancelled(), sending.exception()
        assert await commands.carry_out(sent[-70:], standing) == []
    assert_once_and_in_order(await answered(settings, unique), sent)


async def test_a_request_to_an_instance_that_was_stopped_is_given_up_once_another_holds_its_shards(
    settings: Settings, instance: Place, other: Place, unique: str
) -> None:
    async with client(instance) as commands, process_at(other) as process:
        sku, standing = await sku_of(other, unique, settings.partitions), Standing("test", "stock")
        await knows(commands, sku, other)
        process.send_signal(signal.SIGSTOP)
        lines = [asking(unique, number, sku) for number in range(100)]
        assert await asyncio.wait_for(commands.carry_out(lines, standing), 15) == []
        process.send_signal(signal.SIGCONT)
        assert await commands.carry_out([asking(unique, 100, sku)], standing) == []
    assert_once_and_in_order(await answered(settings, unique), [*lines, asking(unique, 100, sku)])


async def test_while_an_instance_is_away_another_one_takes_its_commands_and_then_it_again(
    settings: Settings, instance: Place, other: Place, unique: str
) -> None:
    standing = Standing("test", "stock")
    async with client(other, instance) as commands:
        await knows(commands, "any", instance)
        assert await commands.carry_out([asking(unique, 1, unique.upper())], standing) == []
        async with instance_at(other, settings):
            sku = await sku_of(other, unique, settings.partitions)
            await knows(commands, sku, other)
            assert await commands.carry_out([asking(unique, 2, sku)], standing) == []
