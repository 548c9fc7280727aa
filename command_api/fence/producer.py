"""An idempotent producer of one partition (KIP-98) that sends whole batches, one after the other.

aiokafka's own producer gathers the records of many callers for many partitions: 250 µs of processor time for a batch
of five, whatever is in it. A writer has its batch ready and waits for it; so much less is needed: 140 µs
(docs/adr/0010-producer.md).
"""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from tenacity import AsyncRetrying, retry_if_exception, wait_fixed

from command_api.fence.log import MAX_BATCH_BYTES, Outgoing
from infra.kafka_lifetime import start

T = TypeVar("T")

REQUEST_MS = 1_500
"""A request that is not answered by then has an unknown outcome."""
AGAIN_SECONDS = 0.1
_NO_COMPRESSION, _NOT_TRANSACTIONAL, _ALL_REPLICAS = 0, 0, -1
_SEQUENCES = 2**31


class BatchProducer:
    """``start`` it, then ``send`` batches, one at a time. After an error of ``send`` it is of no more use: the batch
    has used up its sequence numbers, and may still land."""

    def __init__(self, bootstrap_servers: str, topic: str, partition: int) -> None:
        self._client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_MS)
        self._partition = TopicPartition(topic, partition)
        self._producer_id = self._epoch = -1
        self._sequence = 0

    async def start(self) -> None:
        """Connect and get a producer id, which is tried without end. Raises a ``KafkaError`` where no broker takes the
        first connection, and for what will not pass."""
        await start(self._client.bootstrap, self._client.close)
        await self._client.set_topics([self._partition.topic])
        self._producer_id, self._epoch = await self._until_passed(self._identity)

    async def send(self, records: Sequence[Outgoing]) -> int:
        """Append records as one batch, and give the offset of the first. What may pass is tried without end: the broker
        appends once what has the same sequence numbers. Raises a ``KafkaError`` for what will not pass, and
        ``ValueError`` when the records do not fit into a batch."""
        topics = [(self._partition.topic, [(self._partition.partition, self._batch(records))])]
        produce = partial(self._produce, ProduceRequest(None, _ALL_REPLICAS, REQUEST_MS, topics))
        try:
            offset = await produce()  # not below: getting ready to retry takes 29 µs, a quarter more
        except KafkaError as error:
            if not _passes(error):
                raise
            offset = await self._until_passed(produce)
        self._sequence = (self._sequence + len(records)) % _SEQUENCES
        return offset

    async def stop(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _batch(self, records: Sequence[Outgoing]) -> bytes:
        builder = DefaultRecordBatchBuilder(
            2,
            _NO_COMPRESSION,
            is_transactional=_NOT_TRANSACTIONAL,
            producer_id=self._producer_id,
            producer_epoch=self._epoch,
            base_sequence=self._sequence,
            batch_size=MAX_BATCH_BYTES + 100_000,
        )
        for number, record in enumerate(records):
            if builder.append(number, None, key=record.key, value=record.value, headers=record.headers) is None:
                raise ValueError("the batch is full before its last record: sizes were added up wrongly")
        return bytes(builder.build())

    async def _produce(self, request: ProduceRequest) -> int:
        answer = await self._client.send(self._leader(), request)
        ((_, ((_, error_code, offset, *_),)),) = answer.topics
        if error_code:
            raise for_code(error_code)(f"{self._partition} took nothing")
        if offset < 0:
            raise KafkaError(f"{self._partition} took it and named no offset")
        return int(offset)

    async def _identity(self) -> tuple[int, int]:
        answer = await self._client.send(self._leader(), InitProducerIdRequest(None, 0))
        if answer.error_code:
            raise for_code(answer.error_code)(f"no producer id for {self._partition}")
        return answer.producer_id, answer.producer_epoch

    def _leader(self) -> int:
        leader = self._client.cluster.leader_for_partition(self._partition)
        if leader is None or leader < 0:
            raise LeaderNotAvailableError(f"{self._partition} has no leader")
        return int(leader)

    async def _until_passed(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try, at once and then after pauses in which is asked again who leads the partition."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(_passes),
            wait=wait_fixed(AGAIN_SECONDS),
            before_sleep=lambda _: self._client.force_metadata_update(),
        )
        return await retrying(attempt)


def _passes(error: BaseException) -> bool:
    return isinstance(error, KafkaError) and bool(error.retriable)
