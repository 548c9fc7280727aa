"""A rebuild fills a second generation beside the serving one and takes over at once; nobody sees anything missing."""

import asyncio
import random
import string
from collections.abc import Sequence
from typing import Any, cast

import pytest

from event_schemas.record import Recorded
from projectors.dead_letters.redrive import Portion, retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.engine.status import State
from projectors.projection import Statement
from projectors.rebuilds.options import RebuildOptions
from projectors.rebuilds.row import RebuildRefused
from projectors.stores.sorting import Decoder
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received, to_postgres
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


@both_stores
async def test_a_rebuild_under_load_ends_equal_to_a_fold_of_the_log_and_nothing_is_ever_missing(bench: Bench) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received(f"s{n % 20}") for n in range(3_000)])
    written = [9_000]
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await bench.writer.append(written[0] % 3, [received(f"s{n % 20}") for n in range(20)])
            written[0] += 20

    async def watch() -> int:
        least = looks = 0
        while not stop.is_set():
            seen = sum((await bench.totals()).values())
            assert seen >= least, f"{seen} after {least}"
            least, looks = seen, looks + 1
            await asyncio.sleep(0.001)
        return looks

    async with bench.working() as status:
        await until(lambda: _sum(bench), lambda total: total >= 9_000)
        writing, watching = asyncio.create_task(write()), asyncio.create_task(watch())
        for expected in (2, 3):
            report = await rebuild(bench)
            assert (report.generation, await generation(bench)) == (expected, expected)
            assert (report.compared.incomplete, report.compared.differ) == ("", False)
        stop.set()
        await asyncio.gather(writing, watching)
        assert watching.result() > 10
        await bench.until_totals({f"s{n}": written[0] // 20 for n in range(20)})
        assert status.generation == 3


async def _added(found: list[int]) -> int:
    return sum(found)


async def _sum(bench: Bench) -> int:
    return sum((await bench.totals()).values())


async def test_rows_of_the_rebuilt_generation_equal_the_live_ones(bench: Bench) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received(f"s{partition}-{n % 7}", n % 5 + 1) for n in range(500)])
    async with bench.working():
        await until(lambda: _sum(bench), lambda total: total == 4_500)
        await rebuild(bench)
    for table in ("totals", "seen", "daily"):
        live, rebuilt = (f"SELECT * FROM {bench.projection.name}_g{number}.{table}" for number in (1, 2))
        assert await bench.pool.fetch(f"{live} EXCEPT ALL {rebuilt}") == []
        assert await bench.pool.fetch(f"{rebuilt} EXCEPT ALL {live}") == []


@both_stores
async def test_a_rebuild_that_was_killed_goes_on_and_counts_nothing_twice(bench: Bench) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received("a") for _ in range(15_000)])
    async with bench.working():
        await bench.until_totals({"a": 45_000})
    seen: list[int] = []
    async with running(rebuild(bench, seen=seen.append)) as task:
        await until(lambda: _added(seen), lambda passed: passed >= 15_000)
    assert task.cancelled()
    assert await generation(bench) == 1
    report = await rebuild(bench)
    assert report.generation == 2
    assert 0 < report.events < 45_003
    assert await bench.totals() == {"a": 45_000}


@both_stores
async def test_a_second_rebuild_of_the_same_projection_is_refused(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(5_000)])
    results = await asyncio.gather(rebuild(bench), rebuild(bench), return_exceptions=True)
    assert sorted(type(one).__name__ for one in results) == ["RebuildRefused", "Report"]
    assert any(isinstance(one, RebuildRefused) and "already" in str(one) for one in results)
    assert await bench.totals() == {"a": 5_000}


@both_stores
async def test_the_generation_before_is_kept_and_older_ones_are_dropped(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    for _ in range(3):
        await rebuild(bench)
    name = bench.projection.name
    if bench.projection.store == "redis":
        found = {int(key.split(b":")[1]) async for key in bench.redis.scan_iter(match=f"{name}:*:pos")}
    else:
        rows = await bench.pool.fetch("SELECT nspname FROM pg_namespace WHERE nspname LIKE $1", f"{name}_g%")
        found = {int(row["nspname"].rpartition("_g")[2]) for row in rows}
    assert found == {3, 4}


async def test_a_new_version_with_other_columns_takes_over_and_the_old_code_stops_writing(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    async with bench.working() as status:
        await bench.until_totals({"a": 2})
        changed = bench.projection.ddl.replace(
            "CREATE TABLE {schema}.totals (sku", "CREATE TABLE {schema}.totals (kind text, sku"
        )
        bench.projection = bench.projection._replace(ddl=changed, apply=_by_column_name)
        await rebuild(bench, version=2)
        await until(lambda: _state(status.state), lambda state: status.state is State.REBUILD_NEEDED)
    row = await bench.pool.fetchrow(f"SELECT * FROM {bench.projection.public_schema}.totals")
    assert dict(row or {}) == {"kind": None, "sku": "a", "quantity": 2}


def _by_column_name(events: Sequence[Recorded]) -> list[Statement]:
    return [
        one._replace(sql=one.sql.replace("totals AS t", "totals AS t (sku, quantity)")) for one in to_postgres(events)
    ]


async def _state(state: State) -> State:
    return state


@both_stores
async def test_what_was_copied_to_the_dead_letters_is_not_copied_again_after_arebuild(bench: Bench) -> None:
    await bench.writer.append(0, [received("bad", 5_000), received("good")])
    async with bench.working():
        await bench.until_totals({"good": 1})
        await until(lambda: _uncopied(bench), lambda count: count == 0)
    report = await rebuild(bench)
    assert report.parked_keys == 1
    assert await _uncopied(bench) == 0
    assert [key for key, _, _ in await bench.parked()][-1] == "bad"


async def _uncopied(bench: Bench) -> int:
    store = bench.engine().stores[0]
    await store.load([0, 1, 2])
    return len(await store.uncopied(10, [0, 1, 2]))


@both_stores
async def test_a_retry_that_a_rebuild_overtakes_tries_all_that_the_new_generation_has_parked(bench: Bench) -> None:
    for partition in (0, 2):
        await bench.writer.append(partition, [received(f"s{partition}", 1, "explode")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    apply = bench.projection.apply

    def fixed(events: Sequence[Recorded]) -> list[Any]:
        mended = [one._replace(event=one.event.model_copy(update={"reference": None})) for one in events]
        return cast(list[Any], apply(mended))

    repaired = bench.projection._replace(apply=fixed)
    redrive = redrive_of(bench.pool, bench.redis, repaired, Decoder(0), "staff:test")

    class Overtaken:
        """Before its second partition the broken code rebuilds, so that generation 2 parks the same again."""

        load = staticmethod(redrive.load)

        async def retry(self, partition: int, after: int, key: str | None, held: frozenset[str]) -> Portion | None:
            if partition == 2 and await generation(bench) == 1:
                await rebuild(bench, options=RebuildOptions(accept=True))
            return await redrive.retry(partition, after, key, held)

    await retry(Overtaken())
    assert await generation(bench) == 2
    assert await bench.totals() == {"s0": 1, "s2": 1}
    assert await bench.dead_letters() == []


async def test_what_only_a_key_refuses_is_parked_by_a_rebuild_as_it_is_live(bench: Bench) -> None:
    too_long = "".join(random.Random(1).choices(string.ascii_letters + string.digits, k=9_000))
    await bench.writer.append(0, [received("a"), received(too_long), received("b"), received(too_long)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    live = await bench.parked()
    assert [code for _, _, code in live] == ["apply_failed", "queued_behind"]
    await rebuild(bench)
    assert await generation(bench) == 2
    assert await bench.parked() == live * 2
    assert await bench.totals() == {"a": 1, "b": 1}
