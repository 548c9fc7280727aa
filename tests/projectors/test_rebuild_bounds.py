"""A rebuild reads to stored positions within bounds: it says when the log has lost them, and keeps nobody waiting."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from infra.log_batch import Batch
from infra.log_reader import LogReader
from projectors.rebuilds import followed_postgres, watched_reader
from projectors.rebuilds.compare import LogShorter
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.row import RebuildRefused
from projectors.rebuilds.watched_reader import WatchedReader
from projectors.stores.projection_row import lock_row
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


async def _fill(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(3)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))


async def _lose(bench: Bench, generation: int = 1) -> None:
    """Let a generation have applied five more records of partition 0, as if the log had lost them since."""
    name = bench.projection.name
    if bench.projection.store == "redis":
        key = f"{name}:{generation}:pos"
        position = orjson.loads(await bench.redis.hget(key, "0") or b"")
        await bench.redis.hset(key, "0", orjson.dumps({**position, "next_offset": position["next_offset"] + 5}))
        return
    further = "UPDATE stockroom.projection_offsets SET next_offset = next_offset + 5"
    await bench.pool.execute(f"{further} WHERE projection = $1 AND partition = 0 AND generation = $2", name, generation)


@both_stores
@pytest.mark.parametrize("version", [1, 2])
async def test_what_serves_beyond_the_end_of_the_log_is_left_by_name_and_only_when_that_is_accepted(
    bench: Bench, version: int
) -> None:
    await _fill(bench)
    await _lose(bench)
    async with asyncio.timeout(30):
        with pytest.raises(LogShorter, match="stands beyond the log's end") as refused:
            await rebuild(bench, version=version)
        assert (refused.value.exit_code, refused.value.comparison.beyond) == (4, [0])
        assert await generation(bench) == 1
        await bench.writer.append(1, [received("b")])
        report = await rebuild(bench, version=version, options=RebuildOptions(accept=True))
    assert (report.compared.skipped, await generation(bench)) == (True, 2)
    assert await bench.totals() == {"a": 3, "b": 1}


@both_stores
async def test_what_was_filled_beyond_the_end_of_the_log_is_not_gone_on_with(bench: Bench) -> None:
    await _fill(bench)
    await _lose(bench)
    with pytest.raises(LogShorter):
        await rebuild(bench)
    await _lose(bench, 2)
    with pytest.raises(RebuildRefused, match="what was filled stands beyond the log's end: `--anew`"):
        await rebuild(bench, options=RebuildOptions(accept=True))
    await rebuild(bench, options=RebuildOptions(accept=True, anew=True))
    assert (await generation(bench), await bench.totals()) == (3, {"a": 3})


def _hanging(monkeypatch: pytest.MonkeyPatch, wait: Any) -> list[str]:
    """Let the reading of the first switch wait for something before it begins."""
    until, times = WatchedReader.until, list[str]()

    async def hanging(self: WatchedReader, *args: Any, **options: Any) -> AsyncIterator[Batch]:
        times.append("until")
        if len(times) == 1:
            await wait()
        async for batch in until(self, *args, **options):
            yield batch

    monkeypatch.setattr(WatchedReader, "until", hanging)
    return times


async def _until_free(bench: Bench) -> None:
    async with bench.pool.acquire() as connection, connection.transaction():
        await lock_row(connection, bench.projection.name)


async def test_a_switch_that_cannot_read_on_lets_the_row_go_and_tries_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_postgres, "LOCKED_SECONDS", 0.5)
    times = _hanging(monkeypatch, asyncio.Event().wait)
    async with bench.working(), asyncio.timeout(30):
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
        await rebuild(bench)
        assert (len(times) > 1, await generation(bench)) == (True, 2)
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 2})


async def test_the_server_frees_the_row_of_a_rebuild_that_stands_still_which_goes_on_later(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_postgres, "IDLE_SECONDS", 0.5)
    times = _hanging(monkeypatch, lambda: _until_free(bench))
    async with bench.working(), asyncio.timeout(30):
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
        await rebuild(bench)
        assert (len(times) > 1, await generation(bench)) == (True, 2)


@both_stores
@pytest.mark.parametrize("readings", [1, 4])
async def test_a_deaf_consumer_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch, readings: int) -> None:
    monkeypatch.setattr(watched_reader, "VAIN_SECONDS", 0.5)
    read, deaf = LogReader.read, list[LogReader]()

    async def reading(self: LogReader, **options: Any) -> list[Batch]:
        if isinstance(self, WatchedReader) and (self in deaf or len(deaf) < readings):
            deaf.extend([self] if self not in deaf else [])
            await asyncio.sleep(0.1)
            return []
        return await read(self, **options)

    monkeypatch.setattr(LogReader, "read", reading)
    async with bench.working(), asyncio.timeout(40):
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
        await rebuild(bench)
    assert (len(deaf), await generation(bench), await bench.totals()) == (readings, 2, {"a": 1})
