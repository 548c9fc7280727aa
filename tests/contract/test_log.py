"""What every log must do, run against the in-memory one and real Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from command_api.fence import Deposed, Fence, Trespass, beat
from command_api.kafka_log import KafkaLog
from command_api.log import Log, Outgoing
from event_schemas.holder import Holder
from event_schemas.record import LogRecord
from infra.log_reader import LogTruncated
from tests.contract.memory_log import MemoryLog, SharedLog

OpenLog = Callable[[], Log]


@pytest.fixture(params=["memory", "kafka"])
async def open_log(request: pytest.FixtureRequest, one_partition: tuple[str, str]) -> AsyncIterator[OpenLog]:
    """Opens connections to one empty partition."""
    shared = SharedLog()
    opened: list[Log] = []

    def connect() -> Log:
        opened.append(MemoryLog(shared) if request.param == "memory" else KafkaLog(*one_partition, 0))
        return opened[-1]

    yield connect
    for log in opened:
        await log.close()


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


async def test_a_batch_lies_together_from_the_offset_that_is_answered(open_log: OpenLog) -> None:
    log, nobody = open_log(), Holder(1, "w")
    first = await log.append([event(nobody, "a")])
    second = await log.append([event(nobody, "b"), event(nobody, "c")])
    assert (first, second) == (0, 1)
    records = await read(log, 0, 3)
    assert [(record.offset, record.value) for record in records] == [(0, b"a"), (1, b"b"), (2, b"c")]


async def test_what_is_read_is_what_was_appended(open_log: OpenLog) -> None:
    log = open_log()
    appended = event(Holder(7, "writer"), '{"name": "Žluťoučký"}')
    await log.append([appended])
    (record,) = await read(log, 0, 1)
    assert (record.key, record.value, list(record.headers)) == tuple(appended)


async def test_reading_starts_where_it_is_told_and_goes_on_with_what_comes(open_log: OpenLog) -> None:
    log, nobody = open_log(), Holder(1, "w")
    await log.append([event(nobody, str(number)) for number in range(10)])
    reading = asyncio.create_task(read(log, 8, 3))
    await log.append([event(nobody, "late")])
    assert [record.value for record in await reading] == [b"8", b"9", b"late"]
    assert await log.end() == 11


async def test_reading_beyond_the_end_is_refused(open_log: OpenLog) -> None:
    log = open_log()
    await log.append([event(Holder(1, "w"), "only")])
    with pytest.raises(LogTruncated):
        await read(log, 5, 1)


async def test_a_claim_folds_all_that_counted_before_it(open_log: OpenLog) -> None:
    first, _ = fence(open_log())
    await first.claim()
    await first.append([event(first.holder, "a"), event(first.holder, "b")])
    second, history = fence(open_log())
    await second.claim()
    assert history == ["a", "b"]
    assert second.holder.epoch == first.holder.epoch + 1


async def test_a_deposed_writer_learns_it_and_what_it_appended_never_happened(open_log: OpenLog) -> None:
    old, _ = fence(open_log())
    await old.claim()
    new, _ = fence(open_log())
    await new.claim()
    with pytest.raises(Deposed):
        await old.append([event(old.holder, "void")])
    assert not old.holds
    await new.append([event(new.holder, "counts")])
    reader, history = fence(open_log())
    await reader.claim()
    assert history == ["counts"]


async def test_records_of_an_outdated_writer_in_between_change_nothing(open_log: OpenLog) -> None:
    old, _ = fence(open_log())
    await old.claim()
    outdated = old.holder
    new, _ = fence(open_log())
    await new.claim()
    await open_log().append([event(outdated, "void"), event(outdated, "void too")])
    base = await new.append([event(new.holder, "counts")])
    assert base == new.position.next_offset - 1
    await old.claim()
    reader, history = fence(open_log())
    await reader.claim()
    assert history == ["counts"]


async def test_a_beat_proves_the_hold_and_is_no_event(open_log: OpenLog) -> None:
    writer, _ = fence(open_log())
    await writer.claim()
    await writer.append([beat(writer.holder)])
    assert writer.holds
    reader, history = fence(open_log())
    await reader.claim()
    assert history == []


async def test_a_record_forged_under_a_claim_is_noticed_and_the_next_claim_fences_its_writer_out(
    open_log: OpenLog,
) -> None:
    writer, history = fence(open_log())
    await writer.claim()
    stolen = writer.holder
    await open_log().append([event(stolen, "forged")])
    with pytest.raises(Trespass):
        await writer.append([event(stolen, "ours")])
    await writer.claim()
    assert history == ["forged", "ours"], "both count, for every reader"
    await open_log().append([event(stolen, "forged again")])
    await writer.append([event(writer.holder, "later")])
    reader, seen = fence(open_log())
    await reader.claim()
    assert seen == ["forged", "ours", "later"]
