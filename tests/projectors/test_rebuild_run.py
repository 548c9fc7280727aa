"""A rebuild is a row that tells how far it is; killed at any step it is gone on with, without loss or doubling."""

import asyncio
import sys
from contextlib import suppress
from datetime import datetime
from uuid import uuid4

import asyncpg
import orjson
import pytest

from infra.settings import REPOSITORY
from projectors.rebuilds import run as rebuilds_run
from projectors.rebuilds.compare import Different
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.row import RebuildFailed, RebuildRefused, SeveralStopped, begin
from projectors.rebuilds.run import Run
from tests.projectors.rebuilding import generation, quiet
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


def _run(bench: Bench, options: RebuildOptions = DEFAULTS) -> Run:
    return Run(uuid4(), [bench.projection], options, 1)


async def _row(bench: Bench, run: Run) -> asyncpg.Record:
    row = await bench.pool.fetchrow("SELECT * FROM stockroom.rebuilds WHERE id = $1", run.id)
    assert row is not None
    return row


@both_stores
async def test_a_run_tells_how_it_ended_and_why(bench: Bench) -> None:
    await bench.writer.append(0, [received("a"), received("b")])
    async with bench.working():
        await bench.until_totals({"a": 1, "b": 1})
        run = _run(bench)
        await run.go(bench.settings, quiet())
        row = await _row(bench, run)
        [progress] = orjson.loads(row["progress"])
        assert (row["state"], row["error"], row["names"]) == ("done", None, [bench.projection.name])
        assert (progress["step"], progress["done"], progress["report"]["generation"]) == ("done", 5, 2)
        if bench.projection.store == "redis":
            await bench.redis.zincrby(f"{bench.projection.name}:2:totals", 1, "a")
        else:
            await bench.pool.execute(f"UPDATE {bench.projection.name}_g2.totals SET quantity = 2 WHERE sku = 'a'")
        run = _run(bench)
        with pytest.raises(Different):
            await run.go(bench.settings, quiet())
        row = await _row(bench, run)
        assert (row["state"], "the rows differ" in row["error"]) == ("refused", True)


@both_stores
async def test_a_run_ends_when_its_row_says_so(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(300)])
    run = _run(bench, RebuildOptions(rate=1))
    with pytest.raises(asyncio.CancelledError):
        async with running(_cancelled(bench, run)):
            await run.go(bench.settings, quiet())
    assert (await _row(bench, run))["state"] == "cancelled"
    assert await generation(bench) == 1


async def test_a_cancelled_run_is_not_cut_off_while_it_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.writer.append(0, [received("a")])
    run, ended = _run(bench), list[int]()

    async def beats() -> int:
        found.add((await _row(bench, run))["beat_at"])
        return len(found)

    async def ending(target: PostgresTarget) -> None:
        try:
            await bench.pool.execute("UPDATE stockroom.rebuilds SET cancelled = true WHERE id = $1", run.id)
            await asyncio.Event().wait()
        finally:
            await until(beats, lambda seen: seen > 3)
            ended.append(1)

    found = set[datetime]()
    monkeypatch.setattr(rebuilds_run, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(PostgresTarget, "index", ending)
    with pytest.raises(asyncio.CancelledError):
        await run.go(bench.settings, quiet())
    assert ((await _row(bench, run))["state"], ended) == ("cancelled", [1])


async def test_a_cancellation_that_was_swallowed_is_sent_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await bench.writer.append(0, [received("a")])
    run, swallowed = _run(bench), list[int]()

    async def deaf(target: PostgresTarget) -> None:
        with suppress(asyncio.CancelledError):
            await bench.pool.execute("UPDATE stockroom.rebuilds SET cancelled = true WHERE id = $1", run.id)
            await asyncio.Event().wait()
        swallowed.append(1)
        await asyncio.Event().wait()

    monkeypatch.setattr(rebuilds_run, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(rebuilds_run, "AGAIN_SECONDS", 0.3)
    monkeypatch.setattr(PostgresTarget, "index", deaf)
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(20):
            await run.go(bench.settings, quiet())
    assert ((await _row(bench, run))["state"], swallowed) == ("cancelled", [1])


async def _cancelled(bench: Bench, run: Run) -> None:
    async def told() -> bool:
        sql = "UPDATE stockroom.rebuilds SET cancelled = true WHERE id = $1 AND progress <> '[]'"
        return await bench.pool.execute(sql, run.id) == "UPDATE 1"

    await until(told, bool)


@pytest.mark.parametrize("store", ["redis"])
async def test_a_filled_generation_that_is_damaged_is_refused_until_it_is_filled_anew(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
    async with bench.pool.acquire() as connection:
        filling = (await begin(connection, bench.projection, PARTITIONS)).filling
    await bench.redis.hset(f"{bench.projection.name}:{filling}:pos", "damaged", "ERR no number")
    with pytest.raises(RebuildRefused, match=r"ERR no number.*--anew"):
        await _run(bench).go(bench.settings, quiet())
    await _run(bench, RebuildOptions(anew=True)).go(bench.settings, quiet())
    assert await bench.totals() == {"a": 1}


@pytest.mark.parametrize("store", ["redis"])
async def test_a_rebuild_killed_before_it_removed_what_was_left_under_its_number_does_not_go_on_with_it(
    bench: Bench,
) -> None:
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    name = bench.projection.name
    async for key in bench.redis.scan_iter(match=f"{name}:1:*"):
        await bench.redis.copy(key, key.replace(b":1:", b":2:"))
    await bench.redis.zincrby(f"{name}:2:totals", 5, "left")
    bench.projection = bench.projection._replace(version=2)
    async with bench.pool.acquire() as connection:
        assert (await begin(connection, bench.projection, PARTITIONS)).filling == 2
    await _run(bench).go(bench.settings, quiet())
    assert await generation(bench) == 2
    assert await bench.totals() == {"a": 1}


async def test_a_rebuild_whose_generation_was_taken_from_it_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = PostgresTarget.start

    async def taken(target: PostgresTarget) -> None:
        await start(target)
        sql = "UPDATE stockroom.projections SET rebuilding_generation = 9 WHERE name = $1"
        await bench.pool.execute(sql, bench.projection.name)

    monkeypatch.setattr(PostgresTarget, "start", taken)
    await bench.writer.append(0, [received("a")])
    run = _run(bench)
    with pytest.raises(RebuildRefused, match="not being rebuilt any more"):
        await run.go(bench.settings, quiet())
    assert (await _row(bench, run))["state"] == "refused"


@both_stores
async def test_killed_at_any_step_it_is_gone_on_with_and_comes_to_the_same_rows(bench: Bench) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received(f"s{n % 7}", n % 5 + 1) for n in range(700)])
    everything = {f"s{n}": 3 * 300 for n in range(7)}
    async with bench.working():
        await bench.until_totals(everything)
        for step in ("filling", "events/s", "making indexes", "comparing", "switching"):
            assert await _killed_at(bench, step), step
            assert await bench.totals() == everything
        serving = await generation(bench)
        assert await _killed_at(bench, "") is False
        assert await generation(bench) == serving + 1
        await bench.writer.append(1, [received("s1")])
        await bench.until_totals({**everything, "s1": 901})
    assert (
        await bench.pool.fetchval("SELECT count(*) FROM stockroom.parked WHERE projection = $1", bench.projection.name)
        == 0
    )


async def _killed_at(bench: Bench, step: str) -> bool:
    """Rebuild in a process of its own, which is killed as it begins a step; whether it was so."""
    name, store = bench.projection.name, bench.projection.store
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.projectors.rebuilding", name, store),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    said = []
    async for line in process.stdout:
        said.append(line.decode())
        if step and step in said[-1]:
            process.kill()
            await process.wait()
            return True
    assert await process.wait() == 0, said
    return False


def test_what_several_rebuilds_ended_for_alike_is_said_once() -> None:
    reasons = ["sales is being rebuilt already", "Kafka is away", "sales is being rebuilt already"]
    refused = SeveralStopped([RebuildRefused(reason) for reason in reasons])
    assert (str(refused), refused.state) == ("sales is being rebuilt already\nKafka is away", "refused")
    both = SeveralStopped([RebuildRefused("sales is being rebuilt already"), RebuildFailed("Kafka is away")])
    assert (both.state, both.code) == ("failed", "rebuild_failed")
