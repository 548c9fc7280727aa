"""What every log must do, run against the in-memory one and real Kafka."""

import asyncio

import pytest

from command_api.fence.log import Log
from event_schemas.holder import Holder
from infra.log_batch import LogTruncated
from tests.contract.place import OpenLog, event, read


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


async def test_batches_of_several_writers_do_not_mix(open_log: OpenLog) -> None:
    logs = [open_log() for _ in range(3)]

    async def append(log: Log, name: str) -> list[tuple[int, str]]:
        bases = [await log.append([event(Holder(1, name), f"{name}{turn}")] * 40) for turn in range(5)]
        return [(base, f"{name}{turn}") for turn, base in enumerate(bases)]

    appended = await asyncio.gather(*(append(log, name) for log, name in zip(logs, "abc", strict=True)))
    records = await read(logs[0], 0, 600)
    for base, value in (one for of_one in appended for one in of_one):
        assert {(record.value or b"").decode() for record in records[base : base + 40]} == {value}


async def test_an_append_behind_another_writers_is_told_the_offset_where_it_lies(open_log: OpenLog) -> None:
    log, other = open_log(), open_log()
    assert await log.append([event(Holder(1, "w"), "a")]) == 0
    await other.append([event(Holder(1, "o"), "b"), event(Holder(1, "o"), "c")])
    assert await log.append([event(Holder(1, "w"), "d")]) == 3
