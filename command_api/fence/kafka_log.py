"""A partition of a Kafka topic: whole batches through an idempotent producer of its own, reads by explicit offset.

One producer a partition: a producer has one request in flight per broker, so sharing one makes partitions wait for each
other, and after an unknown outcome every partition on it would have to be claimed again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from command_api.fence.log import LogAway, OutcomeUnknown, Outgoing
from command_api.fence.producer import BatchProducer
from event_schemas.record import LogRecord
from infra.kafka_lifetime import end, started
from infra.log_batch import LogTruncated
from infra.log_reader import log_record

APPEND_SECONDS = 4.5
"""After this an append's outcome is unknown, whatever the client library still tries."""
STUCK_SECONDS = 6.0
"""A reader that got nothing for so long, though there is more to read, is replaced."""

logger = structlog.get_logger(__name__)


class KafkaLog:
    """One partition of one topic on Kafka."""

    def __init__(self, bootstrap_servers: str, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self._bootstrap_servers = bootstrap_servers
        self._producer: BatchProducer | None = None
        self._retired: set[asyncio.Task[None]] = set()

    async def append(self, records: Sequence[Outgoing]) -> int:
        """Append as one batch; see ``Log.append``. After any failure the producer is replaced: a batch that failed
        has used up its sequence number, and may still land."""
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                return await (await self._started_producer()).send(records)
        except ValueError:
            raise
        except (KafkaError, TimeoutError, OSError, asyncio.CancelledError) as error:
            self._retire_producer()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise OutcomeUnknown(f"{self.topic}/{self.partition}: {error!r}") from error

    async def _started_producer(self) -> BatchProducer:
        if self._producer is None:
            producer = BatchProducer(self._bootstrap_servers, self.topic, self.partition)
            try:
                await producer.start()
            except BaseException:
                self._stop_in_background(producer)
                raise
            self._producer = producer
        return self._producer

    def _retire_producer(self) -> None:
        if self._producer is not None:
            self._stop_in_background(self._producer)
            self._producer = None

    def _stop_in_background(self, producer: BatchProducer) -> None:
        async def stop() -> None:
            try:
                await end(producer.stop)
            except (KafkaError, OSError) as error:
                logger.warning(
                    "retired producer did not stop", topic=self.topic, partition=self.partition, why=repr(error)
                )

        task = asyncio.get_running_loop().create_task(stop())
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def end(self) -> int:
        """The end offset as the broker tells it now."""
        async with self._consumer() as consumer:
            tp = TopicPartition(self.topic, self.partition)
            consumer.assign([tp])  # else who leads it is asked for only after a first refusal and a pause of 100 ms
            return int((await consumer.end_offsets([tp]))[tp])

    async def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        """Records from ``start`` on; see ``Log.read``. A consumer that is alive but stuck is replaced."""
        tp = TopicPartition(self.topic, self.partition)
        position = start
        while True:
            async with self._consumer() as consumer:
                consumer.assign([tp])
                consumer.seek(tp, position)
                last_progress = time.monotonic()
                while time.monotonic() - last_progress < STUCK_SECONDS:
                    try:
                        fetched = (await consumer.getmany(tp, timeout_ms=200)).get(tp, [])
                    except OffsetOutOfRangeError as error:
                        raise LogTruncated(f"{self.topic}/{self.partition} does not hold offset {position}") from error
                    if fetched:
                        last_progress = time.monotonic()
                        position = fetched[-1].offset + 1
                    yield [log_record(record) for record in fetched]
            logger.warning(
                "reader got nothing, another one tries", topic=self.topic, partition=self.partition, at=position
            )

    @contextlib.asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            request_timeout_ms=4_000,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        try:
            async with started(consumer.start, consumer.stop):
                yield consumer
        except (KafkaError, OSError) as error:
            raise LogAway(f"{self.topic}/{self.partition} cannot be read: {error!r}") from error

    async def close(self) -> None:
        """Stop the producer, and wait for those that were retired."""
        self._retire_producer()
        if self._retired:
            await asyncio.wait(self._retired)
