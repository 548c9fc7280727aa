"""The locks on a projection's row: a switch comes about although workers commit without a pause."""

import asyncio

import pytest

from projectors.engine.workers import Workers
from projectors.projection import Projection
from projectors.stores import projection_row
from projectors.stores.connect import store_of
from projectors.stores.projection_row import HOLD_SECONDS, generation_to_fill, hold_back, let_go, lock_row
from projectors.stores.sorting import Decoder
from projectors.stores.store import SwitchUnderWay
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.support.poll import until
from tests.support.running import running


class _Relay:
    """Two workers whose transactions overlap: each ends only when the other has begun its next one, or has to wait."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._turn = asyncio.Condition()
        self._begun = [0, 0]
        self.held_back = False

    async def work(self, own: int) -> None:
        while not self.held_back:
            async with self._bench.pool.acquire() as connection, connection.transaction():
                try:
                    await generation_to_fill(connection, self._bench.projection, None, committing=True)
                except SwitchUnderWay:
                    self.held_back = True
                async with self._turn:
                    self._begun[own] += 1
                    self._turn.notify_all()
                    goal = self._begun[1 - own] + 1
                    while not self.held_back and self._begun[1 - own] < goal:
                        await self._turn.wait()

    async def turns(self) -> int:
        return min(self._begun)


async def test_a_switch_comes_about_although_some_worker_always_commits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection_row, "HOLD_SECONDS", 600)
    await bench.worker()
    relay = _Relay(bench)
    async with bench.pool.acquire() as connection, asyncio.timeout(20), running(relay.work(0)), running(relay.work(1)):
        await until(relay.turns, lambda turns: turns >= 5)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), connection.transaction():
                await lock_row(connection, bench.projection.name)
        assert not relay.held_back
        await hold_back(connection, bench.projection.name)
        async with connection.transaction():
            await lock_row(connection, bench.projection.name)


async def test_workers_wait_for_a_switch_until_it_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection_row, "HOLD_SECONDS", 600)
    await bench.writer.append(0, [received("a")])
    worker = await bench.worker()
    batches, parked = await bench.behind(worker)
    async with bench.pool.acquire() as connection:
        await hold_back(connection, bench.projection.name)
        with pytest.raises(SwitchUnderWay):
            await worker.commit(batches, parked)
        await let_go(connection, bench.projection.name)
    await worker.commit(batches, parked)
    assert await bench.totals() == {"a": 1}


async def test_a_switch_that_never_comes_holds_nobody_for_long(bench: Bench) -> None:
    async with bench.working(), bench.pool.acquire() as connection:
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
        await hold_back(connection, bench.projection.name)
        await bench.writer.append(0, [received("a")])
        await until(bench.totals, lambda found: found == {"a": 2}, seconds=HOLD_SECONDS + 20)


async def test_a_worker_of_an_older_release_does_not_hide_that_newer_ones_run(bench: Bench) -> None:
    older, newer = bench.projection, bench.projection._replace(version=2)

    async def wanted_once_prepared(projection: Projection) -> int:
        await store_of(bench.pool, bench.redis, projection, Decoder(0)).prepare(PARTITIONS)
        sql = "SELECT wanted_version FROM stockroom.projections WHERE name = $1"
        return int(await bench.pool.fetchval(sql, projection.name))

    assert await wanted_once_prepared(older) == 1
    workers = Workers(bench.pool, f"{older.name}-new", [newer])
    async with running(workers.run()):
        await workers.known()
        assert [await wanted_once_prepared(one) for one in (newer, older)] == [2, 2]
    await workers.leave()
    assert await wanted_once_prepared(older) == 1
