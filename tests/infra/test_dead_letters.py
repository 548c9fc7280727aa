"""Copies of parked records in the dead letter topics."""

from aiokafka import AIOKafkaConsumer

from infra.dead_letters import DeadLetter, append
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
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        copies = [await consumer.getone() for _ in range(LETTERS)]
    finally:
        await consumer.stop()
    await delete_topics(settings.bootstrap_servers, [topic])
    assert [(copy.key, copy.value) for copy in copies] == [(one.key, one.value) for one in letters]
    assert copies[7].headers == (
        ("own", b"7"),
        ("x-error", b"too bad"),
        ("x-origin", f"reader {unique}/2@7".encode()),
    )
