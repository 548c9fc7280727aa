"""One partition of a log, in memory or on Kafka, and what the tests of both do with it."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import NamedTuple

from command_api.fence.fence import Fence
from command_api.fence.log import Log, Outgoing
from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from tests.contract.trouble import Trouble

OpenLog = Callable[[], Log]


class Place(NamedTuple):
    """One partition, empty at first, and what can go wrong on the way to it."""

    connect: OpenLog
    trouble: Trouble


def event(holder: Holder, value: str) -> Outgoing:
    return Outgoing(
        b"key",
        value.encode(),
        [("ce_type", b"test.v1"), ("ce_writer", holder.writer.encode()), ("ce_epoch", b"%d" % holder.epoch)],
    )


async def read(log: Log, start: int, count: int) -> list[LogRecord]:
    found: list[LogRecord] = []
    async with asyncio.timeout(20), aclosing(log.read(start)) as stream:
        async for records in stream:
            found.extend(records)
            if len(found) >= count:
                break
    return found


def fence(log: Log) -> tuple[Fence, list[str]]:
    history: list[str] = []
    return Fence(log, lambda record: history.append((record.value or b"").decode())), history
