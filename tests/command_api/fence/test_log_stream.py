"""Reading a log up to an offset, on a log in memory."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from command_api.fence import log_stream
from command_api.fence.fence import beat
from command_api.fence.log_stream import LogSilent, LogStream
from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from tests.contract.memory_log import MemoryLog, SharedLog


class HangingLog(MemoryLog):
    """A log whose reader never says anything."""

    async def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        await asyncio.Event().wait()
        yield []


@pytest.mark.parametrize("kind", [MemoryLog, HangingLog])
async def test_a_record_that_does_not_come_is_waited_for_only_so_long(
    kind: type[MemoryLog], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_stream, "SILENT_SECONDS", 0.1)
    stream = LogStream(kind(SharedLog()), 0)
    with pytest.raises(LogSilent, match="memory/0@0"):
        async with asyncio.timeout(5):
            await anext(stream.up_to(1))


async def test_records_are_given_up_to_the_offset_asked_for_and_then_on() -> None:
    log = MemoryLog(SharedLog())
    await log.append([beat(Holder(1, "w"))] * 10)
    stream = LogStream(log, 2)
    assert [record.offset async for records in stream.up_to(5) for record in records] == [2, 3, 4]
    assert [record.offset async for records in stream.up_to(10) for record in records] == [5, 6, 7, 8, 9]
