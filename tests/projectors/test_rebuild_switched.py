"""Once a rebuild has switched it is done, whatever ends it then: nobody is told that nothing changed."""

import asyncio
import io
from functools import partial
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from rich.console import Console

from projectors.projection import Projection
from projectors.rebuilds.in_postgres import PostgresTarget
from projectors.rebuilds.in_redis import RedisTarget
from projectors.rebuilds.options import DEFAULTS
from projectors.rebuilds.progress import Progress
from projectors.rebuilds.run import Run
from tests.projectors.rebuilding import generation, quiet
from tests.projectors.tiny import Bench, received, tiny
from tests.support.poll import until

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


def _target(bench: Bench) -> type[Any]:
    return PostgresTarget if bench.projection.store == "postgres" else RedisTarget


def _run(*projections: Projection) -> Run:
    return Run(uuid4(), projections, DEFAULTS, 1)


async def _ended(bench: Bench, run: Run) -> asyncpg.Record:
    row = await bench.pool.fetchrow("SELECT * FROM stockroom.rebuilds WHERE id = $1", run.id)
    assert row is not None
    return row


async def _cancel(bench: Bench, run: Run) -> None:
    """Have a run cancelled, as over HTTP, and wait until it is."""
    await bench.pool.execute("UPDATE stockroom.rebuilds SET cancelled = true WHERE id = $1", run.id)
    await asyncio.Event().wait()


@both_stores
@pytest.mark.parametrize("step", ["drop_older", "rows"])
async def test_what_fails_after_the_switch_is_a_remark(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    await bench.writer.append(0, [received("a")])

    async def broken(target: Any) -> None:
        await bench.pool.execute("SELECT broken")

    monkeypatch.setattr(_target(bench), step, broken)
    [report] = await (run := _run(bench.projection)).go(bench.settings, quiet())
    assert (report.generation, await generation(bench), (await _ended(bench, run))["state"]) == (2, 2, "done")
    assert (report.parked_keys, "broken" in report.remark, report.remark in report.line()) == (0, True, True)


@both_stores
@pytest.mark.parametrize("step", ["switch", "drop_older", "rows"])
async def test_cancelled_after_the_switch_it_is_done(bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    await bench.writer.append(0, [received("a")])
    run, act = _run(bench.projection), getattr(_target(bench), step)

    async def cancelled(*args: Any) -> None:
        await act(*args)
        await _cancel(bench, run)

    monkeypatch.setattr(_target(bench), step, cancelled)
    async with asyncio.timeout(60):
        [report] = await run.go(bench.settings, quiet())
    assert (report.generation, await generation(bench), (await _ended(bench, run))["state"]) == (2, 2, "done")
    assert "cancelled" in report.remark


async def test_of_several_that_are_cancelled_those_that_switched_are_told_as_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.writer.append(0, [received("a")])
    other = tiny(f"{bench.projection.name}_other", "postgres", bench.projection.topic)
    run, said = _run(bench.projection, other), io.StringIO()
    progress, switch = Progress(Console(file=said)), PostgresTarget.switch

    async def cancelled(target: PostgresTarget, *args: Any) -> Any:
        if target._projection == other:
            await until(partial(generation, bench), lambda serving: serving == 2)
            await _cancel(bench, run)
        return await switch(target, *args)

    monkeypatch.setattr(PostgresTarget, "switch", cancelled)
    async with asyncio.timeout(60):
        with pytest.raises(asyncio.CancelledError):
            await run.go(bench.settings, progress)
    serving = {one["projection"]: one["report"] and one["report"]["generation"] for one in progress.described()}
    assert serving == {bench.projection.name: 2, other.name: None}
    assert f"{bench.projection.name}: generation 2 serves" in said.getvalue()
    assert (await _ended(bench, run))["state"] == "cancelled"
    assert await generation(bench) == 2
