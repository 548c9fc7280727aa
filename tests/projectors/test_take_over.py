"""Whoever ends is replaced, and whoever is outdated changes nothing."""

import signal
import time
from functools import partial

import asyncpg
import pytest

from projectors.engine.engine import Engine
from projectors.engine.sharing import shares
from projectors.stores.connect import connect_postgres
from projectors.stores.positions import advance
from projectors.stores.postgres_store import PostgresStore
from projectors.stores.sorting import Decoder
from tests.projectors.tiny import PARTITIONS, Bench, received
from tests.projectors.together import live_workers, own, shares_of, sharing, sharing_with
from tests.projectors.worker import worker_process
from tests.support.cable import cable_to_postgres
from tests.support.in_time import in_time
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])
TAKE_OVER_SECONDS = 4.0
AT_ONCE_SECONDS = 2.0
ROUNDS = 20


@both_stores
async def test_the_partitions_of_a_killed_worker_are_taken_over_within_four_seconds(bench: Bench) -> None:
    sent = 0

    async def taken_over() -> float:
        nonlocal sent
        async with worker_process(bench.projection, "one") as process, sharing_with(bench, "two", "one"):
            partition = own(bench, "one", "two")
            await bench.writer.append(partition, [received("a")])
            await bench.until_totals({"a": sent + 1})
            process.send_signal(signal.SIGKILL)
            killed = time.monotonic()
            await bench.writer.append(partition, [received("a")])
            await bench.until_totals({"a": sent + 2})
            sent += 2
            return time.monotonic() - killed

    await in_time(TAKE_OVER_SECONDS, taken_over)


async def test_a_worker_that_leaves_is_replaced_at_once(bench: Bench) -> None:
    async def replaced() -> float:
        async with sharing(bench, "two") as (two,):
            async with running((one := bench.engine("one")).run()):
                mine = shares(frozenset({"one", "two"}), bench.projection.name, tuple(PARTITIONS))
                await until(partial(shares_of, [one, two]), lambda found: found == [mine["one"], mine["two"]])
            await one.workers.leave()
            left = time.monotonic()
            await until(partial(shares_of, [two]), lambda found: found == [frozenset(PARTITIONS)])
            return time.monotonic() - left

    await in_time(AT_ONCE_SECONDS, replaced)


@both_stores
async def test_a_worker_that_was_stopped_and_goes_on_changes_nothing(bench: Bench) -> None:
    sent = 0

    async def load() -> None:
        nonlocal sent
        for partition in PARTITIONS:
            await bench.writer.append(partition, [received(f"s{n}") for n in range(50)])
        sent += len(PARTITIONS)

    async with worker_process(bench.projection, "one") as process, sharing_with(bench, "two", "one") as two:
        for number in range(ROUNDS):
            await load()
            if number == ROUNDS // 2:
                process.send_signal(signal.SIGSTOP)
        await bench.until_totals({f"s{n}": sent for n in range(50)})
        process.send_signal(signal.SIGCONT)
        for _ in range(ROUNDS):
            await load()
        await bench.until_totals({f"s{n}": sent for n in range(50)})
        await until(partial(live_workers, two), lambda live: "one" in live)
        await load()
        await bench.until_totals({f"s{n}": sent for n in range(50)})


@both_stores
async def test_a_worker_that_cannot_reach_postgresql_keeps_its_share_and_nothing_counts_twice(bench: Bench) -> None:
    mine = shares(frozenset({"one", "two"}), bench.projection.name, tuple(PARTITIONS))
    async with (
        cable_to_postgres(bench.settings) as (cable, through),
        connect_postgres(through) as pool,
        running((one := Engine(through, pool, bench.redis, [bench.projection], "one")).run()),
        running((two := bench.engine("two")).run()),
    ):
        await until(partial(shares_of, [one, two]), lambda found: found == [mine["one"], mine["two"]])
        await cable.cut()
        await until(partial(shares_of, [two]), lambda found: found == [frozenset(PARTITIONS)])
        assert one.runners[0].status.standings.keys() == mine["one"]
        for partition in PARTITIONS:
            await bench.writer.append(partition, [received("a")])
        await bench.until_totals({"a": len(PARTITIONS)})
        await cable.mend()
        await until(partial(shares_of, [one, two]), lambda found: found == [mine["one"], mine["two"]])
        for partition in PARTITIONS:
            await bench.writer.append(partition, [received("a")])
        await bench.until_totals({"a": 2 * len(PARTITIONS)})


async def test_a_worker_that_stands_still_in_the_middle_of_a_commit_is_replaced_and_its_commit_fails(
    bench: Bench,
) -> None:
    await bench.writer.append(0, [received("a")])
    async with connect_postgres(bench.settings, held_seconds=4) as pool:
        frozen = PostgresStore(pool, bench.projection, Decoder(0))
        await frozen.prepare(PARTITIONS)
        batches, parked = await bench.behind(frozen)

        async def standing_still() -> None:
            async with frozen.turn() as (connection, generation):
                await advance(connection, bench.projection, generation, batches, parked)
                async with sharing(bench, "other"):
                    await bench.until_totals({"a": 1})

        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await standing_still()
    assert await bench.totals() == {"a": 1}
