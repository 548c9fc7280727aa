"""From Faust's messages to trades, by the log's own rules. Only what may have sold something is decoded."""

from collections.abc import Iterable, Iterator
from typing import cast

import structlog
from faust.types import EventT

from event_schemas.codec import UndecodableEvent
from event_schemas.envelope import Headers, MalformedEnvelope
from event_schemas.record import LogRecord, recorded
from projectors.streams.shard import TRADES, Shard, Trade, trade

TRADING = tuple(f"{event.wire_name}.".encode() for event in TRADES)

log = structlog.get_logger()


def log_record(event: EventT[bytes]) -> LogRecord:
    """The record that Faust hands over, in our own form."""
    message = event.message
    return LogRecord(
        message.topic,
        message.partition,
        message.offset,
        int(message.timestamp * 1000),
        message.key,
        message.value,
        cast(Headers, message.headers),
    )


def trades(records: Iterable[LogRecord], shard: Shard) -> Iterator[Trade]:
    """The trades among records that count. What cannot be decoded is passed over, told and noted in their shard: the
    engine's projections park it.
    """
    for record in records:
        if not dict(record.headers)["ce_type"].startswith(TRADING):
            continue
        try:
            found = trade(record.offset, recorded(record).event)
        except (UndecodableEvent, MalformedEnvelope) as error:
            shard.pass_over(record.offset)
            log.error("passed over", partition=record.partition, offset=record.offset, error=str(error))
        else:
            if found is not None:
                yield found
