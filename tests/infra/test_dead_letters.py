"""Copies of parked records in the dead letter topics."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord
from structlog.testing import capture_logs

from infra.dead_letters import MOST_ERROR_BYTES, DeadLetter, append
from infra.settings import Settings
from tests.support.log import create_topics, delete_topics

LETTERS = 1_200


async def test_many_copies_come_in_their_order_with_their_headers_and_the_error(
    settings: Settings, unique: str
) -> None:
    topic = f"{unique}.dlq"
    await create_topics(settings.bootstrap_servers, [topic], 1)
    letters = [
        DeadLetter(unique, 2, number, b"key", b"value %d" % number, [("own", b"%d" % number)], "reader", "too bad")
        for number in range(LETTERS)
    ]
    await append(settings.bootstrap_servers, letters)
    copies = await _copies(settings, topic, LETTERS)
    await delete_topics(settings.bootstrap_servers, [topic])
    assert [(copy.key, copy.value) for copy in copies] == [(one.key, one.value) for one in letters]
    assert copies[7].headers == (
        ("own", b"7"),
        ("x-error", b"too bad"),
        ("x-origin", f"reader {unique}/2@7".encode()),
    )


@pytest.mark.parametrize("size", [200_000, 2_500_000])
async def test_a_record_that_is_too_large_for_a_copy_is_told_and_those_behind_it_are_copied(
    settings: Settings, unique: str, size: int
) -> None:
    topic = f"{unique}.dlq"
    await create_topics(settings.bootstrap_servers, [topic], 1, {"max.message.bytes": "100000"})
    values = [b"before", b"x" * size, b"behind", b"y" * 90_000]
    letters = [DeadLetter(unique, 2, number, b"key", value, [], "sales", "bad") for number, value in enumerate(values)]
    with capture_logs() as told:
        async with asyncio.timeout(20):
            await append(settings.bootstrap_servers, letters)
    copies = await _copies(settings, topic, 3)
    await delete_topics(settings.bootstrap_servers, [topic])
    assert [copy.value for copy in copies] == [values[0], values[2], values[3]]
    assert [(one["reader"], one["record"]) for one in told] == [("sales", f"{unique}/2@1")]


def test_a_long_error_is_cut_between_its_characters() -> None:
    for error in ("é" * MOST_ERROR_BYTES, "a" + "é" * MOST_ERROR_BYTES, "€" * MOST_ERROR_BYTES):
        headers = dict(DeadLetter("orders", 0, 1, None, None, [], "sales", error).all_headers)
        assert error.startswith(headers["x-error"].decode())
        assert MOST_ERROR_BYTES - 3 < len(headers["x-error"]) <= MOST_ERROR_BYTES


async def _copies(settings: Settings, topic: str, number: int) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in range(number)]
    finally:
        await consumer.stop()
