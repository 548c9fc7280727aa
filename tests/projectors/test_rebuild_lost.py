"""A rebuild that loses the connection on which it holds its right takes it again, and goes on where it stood."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
import pytest

from projectors.rebuilds import in_redis as rebuild_redis
from projectors.rebuilds import rebuild as rebuilding
from projectors.rebuilds.fill import Filler
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.in_redis import RedisTarget
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.row import RebuildRefused
from projectors.rebuilds.run import Run
from projectors.stores.control_tables import rebuild_lock
from tests.projectors.rebuilding import generation, quiet
from tests.projectors.tiny import Bench, received
from tests.support.cable import cable_to_redis
from tests.support.poll import until

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])
_HOLDERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND classid = $1 AND objid = $2
"""


async def _terminate(bench: Bench) -> None:
    """End the connection on which the bench's rebuild holds its right, as a restart of PostgreSQL does."""
    unsigned = [number % 2**32 for number in rebuild_lock(bench.projection.name)]
    assert [row[0] for row in await bench.pool.fetch(_HOLDERS, *unsigned)] == [True]


def _losing(bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str) -> list[str]:
    """Terminate the connection as a step begins for the first time; gives the list of the times it began."""
    target: type[Any] = PostgresTarget if bench.projection.store == "postgres" else RedisTarget
    act, begun = getattr(target, step), list[str]()

    async def losing(self: Any, *args: Any, **options: Any) -> Any:
        begun.append(step)
        if len(begun) == 1:
            await _terminate(bench)
        return await act(self, *args, **options)

    monkeypatch.setattr(target, step, losing)
    return begun


async def _rebuild(bench: Bench, options: RebuildOptions = DEFAULTS) -> asyncpg.Record:
    run = Run(uuid4(), [bench.projection], options, 1)
    try:
        await run.go(bench.settings, quiet())
    finally:
        row = await bench.pool.fetchrow("SELECT * FROM stockroom.rebuilds WHERE id = $1", run.id)
    assert row is not None
    return row


@both_stores
@pytest.mark.parametrize("step", ["index", "compare", "switch", "drop_older"])
async def test_it_goes_on_after_its_connection_was_lost(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received(f"s{n % 7}") for n in range(700)])
    everything = {f"s{n}": 300 for n in range(7)}
    begun = _losing(bench, monkeypatch, step)
    async with bench.working():
        await bench.until_totals(everything)
        row = await _rebuild(bench, RebuildOptions(anew=True))
        assert (row["state"], row["error"], len(begun) > 0) == ("done", None, True)
        assert await generation(bench) == 2
        assert await bench.totals() == everything
        await bench.writer.append(1, [received("s1")])
        await bench.until_totals({**everything, "s1": 301})


@both_stores
async def test_what_is_read_while_the_worker_is_held_back_counts(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.writer.append(0, [received("a") for _ in range(10)])
    target: type[Any] = PostgresTarget if bench.projection.store == "postgres" else RedisTarget
    compare = target.compare

    async def later(self: Any, *args: Any, **options: Any) -> Any:
        await bench.writer.append(0, [received("a") for _ in range(10)])
        await bench.until_totals({"a": 20})
        return await compare(self, *args, **options)

    monkeypatch.setattr(target, "compare", later)
    async with bench.working():
        await bench.until_totals({"a": 10})
        row = await _rebuild(bench)
    [progress] = orjson.loads(row["progress"])
    assert (progress["done"], progress["report"]["events"]) == (23, 23)


async def test_it_fills_again_after_its_group_lost_a_server(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.writer.append(0, [received("a")])
    fill, times = Filler.fill, list[int]()

    async def losing(self: Filler, *args: Any) -> None:
        times.append(1)
        if len(times) == 1:
            raise ConnectionError("lost")
        await fill(self, *args)

    monkeypatch.setattr(Filler, "fill", losing)
    async with asyncio.timeout(30):
        assert (await _rebuild(bench))["state"] == "done"
    assert await bench.totals() == {"a": 1}


async def test_it_goes_on_where_parked_records_were_taken_out_of_what_it_fills_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a")])
    compare, times = PostgresTarget.compare, list[int]()

    async def overtaken(self: PostgresTarget, *args: Any, **options: Any) -> Any:
        times.append(1)
        if len(times) == 1:
            await bench.writer.append(0, [received("a")])
            await bench.until_totals({"a": 2})
            counted = "UPDATE stockroom.projection_offsets SET unparked = 1 WHERE projection = $1 AND generation = 2"
            await bench.pool.execute(counted, bench.projection.name)
        return await compare(self, *args, **options)

    monkeypatch.setattr(PostgresTarget, "compare", overtaken)
    async with bench.working():
        await bench.until_totals({"a": 1})
        assert (await _rebuild(bench))["state"] == "done"
    assert (len(times), await generation(bench), await bench.totals()) == (2, 2, {"a": 2})


@pytest.mark.parametrize("store", ["redis"])
async def test_a_redis_that_hangs_does_not_keep_the_row_locked(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.writer.append(0, [received("a")])
    monkeypatch.setattr(rebuild_redis, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(rebuild_redis, "SWITCH_SECONDS", 0.2)
    switch, progress, times = RedisTarget.switch, quiet(), list[int]()
    async with cable_to_redis(bench.settings) as (cable, settings):

        async def hanging(self: RedisTarget, *args: Any, **options: Any) -> Any:
            if not times:
                cable.freeze()
            times.append(1)
            return await switch(self, *args, **options)

        monkeypatch.setattr(RedisTarget, "switch", hanging)

        async def step() -> str:
            return str((progress.described() or [{"step": ""}])[0]["step"])

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(Run(uuid4(), [bench.projection], DEFAULTS, 1).go(settings, progress))
            await until(step, lambda said: said.endswith("it waits, and goes on"), 30)
            lock = "SELECT name FROM stockroom.projections WHERE name = $1 FOR UPDATE NOWAIT"
            assert await bench.pool.fetchval(lock, bench.projection.name)
            cable.thaw()
    assert await generation(bench) == 2


async def test_it_is_refused_where_another_took_its_right_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a")])
    index, other = PostgresTarget.index, await asyncpg.connect(bench.settings.dsn)

    async def taken(target: PostgresTarget) -> None:
        await _terminate(bench)
        await other.execute("SELECT pg_advisory_lock($1, $2)", *rebuild_lock(bench.projection.name))
        await index(target)

    monkeypatch.setattr(PostgresTarget, "index", taken)
    monkeypatch.setattr(rebuilding, "RIGHT_SECONDS", 0.3)
    try:
        with pytest.raises(RebuildRefused, match=f"{bench.projection.name} is being rebuilt already"):
            await _rebuild(bench)
    finally:
        await other.close()
    assert await generation(bench) == 1


async def test_it_is_refused_where_another_went_on_and_switched_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a")])
    index, others = PostgresTarget.index, list[asyncpg.Record]()

    async def overtaken(target: PostgresTarget) -> None:
        monkeypatch.setattr(PostgresTarget, "index", index)
        await _terminate(bench)
        others.append(await _rebuild(bench))
        await index(target)

    monkeypatch.setattr(PostgresTarget, "index", overtaken)
    with pytest.raises(RebuildRefused, match="another rebuild went on with it, and switched"):
        await _rebuild(bench)
    assert ([row["state"] for row in others], await generation(bench)) == (["done"], 2)
    assert await bench.totals() == {"a": 1}


async def test_what_failed_is_not_told_as_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.writer.append(0, [received("a")])

    async def broken(target: PostgresTarget) -> None:
        await bench.pool.execute("SELECT broken")

    monkeypatch.setattr(PostgresTarget, "index", broken)
    run = Run(uuid4(), [bench.projection], DEFAULTS, 1)
    with pytest.raises(Exception, match=rf"{bench.projection.name}: .*broken.*goes on where it stopped"):
        await run.go(bench.settings, quiet())
    assert await bench.pool.fetchval("SELECT state FROM stockroom.rebuilds WHERE id = $1", run.id) == "failed"
