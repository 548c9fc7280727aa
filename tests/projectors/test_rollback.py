"""After a rollback the generation before serves again, at once, and goes on from its own positions."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from event_schemas.record import Recorded
from projectors.engine.status import State, Status
from projectors.projection import RedisCommand, Statement
from projectors.rebuilds.rollback import RollbackRefused, roll_back
from projectors.rebuilds.rolled_back import RolledBack
from projectors.rebuilds.row import only_one
from tests.projectors.rebuilding import generation, rebuild
from tests.projectors.tiny import Bench, received
from tests.support.poll import until

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


async def _roll_back(bench: Bench) -> RolledBack:
    return await roll_back(bench.pool, bench.redis, bench.projection, "staff:test")


def _twice(bench: Bench) -> None:
    """Let the code be of version 2, which counts everything twice."""
    apply = bench.projection.apply

    def twice(events: Sequence[Recorded]) -> list[Statement] | list[RedisCommand]:
        return [*apply(events), *apply(events)]

    bench.projection = bench.projection._replace(version=2, apply=twice, bulk=None)  # type: ignore[arg-type]


@both_stores
async def test_the_kept_generation_serves_at_once_is_caught_up_with_and_a_second_rollback_returns(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(20)])
    async with bench.working() as status:
        await bench.until_totals({"a": 20})
        await rebuild(bench)
        await bench.writer.append(1, [received("a") for _ in range(5)])
        await bench.until_totals({"a": 25})
        done = await _roll_back(bench)
        assert (done.generation, done.version, done.kept_generation, done.kept_version) == (1, 1, 2, 1)
        assert done.events_behind >= 5
        await bench.until_totals({"a": 25})
        assert (status.generation, await generation(bench)) == (1, 1)
        await bench.writer.append(2, [received("b")])
        await bench.until_totals({"a": 25, "b": 1})
        again = await _roll_back(bench)
        assert (again.generation, again.kept_generation) == (2, 1)
        assert min(done.milliseconds, again.milliseconds) < 100  # a machine that stands still spoils one of them
        await bench.until_totals({"a": 25, "b": 1})
        report = await rebuild(bench)
        assert (report.generation, report.compared.differ, report.compared.incomplete) == (3, False, "")
        await bench.until_totals({"a": 25, "b": 1})
    rows = await bench.pool.fetch(
        "SELECT actor, generation, outcome FROM stockroom.audit WHERE projection = $1 AND action = 'rollback' "
        "ORDER BY id",
        bench.projection.name,
    )
    found = [(row["actor"], row["generation"], orjson.loads(row["outcome"])["from"]) for row in rows]
    assert found == [("staff:test", 1, 2), ("staff:test", 2, 1)]


@both_stores
async def test_what_was_kept_of_another_version_serves_as_it_stands_until_its_code_runs(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    before = bench.projection
    async with bench.working():
        await bench.until_totals({"a": 2})
    _twice(bench)
    await rebuild(bench)
    async with bench.working() as status:
        await bench.until_totals({"a": 4})
        done = await _roll_back(bench)
        assert (done.version, done.kept_version, done.code_version) == (1, 2, 2)
        assert "out of date" in done.line()
        assert await bench.totals() == {"a": 2}
        await bench.writer.append(0, [received("a", 3)])
        await until(lambda: _state(status), lambda state: state is State.REBUILD_NEEDED)
        assert await bench.totals() == {"a": 2}
    row = await bench.pool.fetchrow(
        "SELECT version, wanted_version, kept_version FROM stockroom.projections WHERE name = $1", before.name
    )
    assert tuple(row or ()) == (1, 2, 2)
    bench.projection = before
    async with bench.working():
        await bench.until_totals({"a": 5})


async def _state(status: Status) -> State:
    return status.state


async def test_views_show_the_tables_of_the_version_that_serves(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    async with bench.working():
        await bench.until_totals({"a": 2})
    before = bench.projection
    changed = before.ddl.replace("daily", "by_day").replace("totals (sku", "totals (kind text, sku")
    bench.projection = before._replace(
        version=2, ddl=changed, keys="SELECT 1", tables=("totals", "seen", "by_day"), apply=lambda events: [], bulk=None
    )
    await rebuild(bench)
    assert await _views(bench) == {"totals": "kind sku quantity", "seen": SEEN, "by_day": "partition day quantity"}
    await _roll_back(bench)
    assert await _views(bench) == {"totals": "sku quantity", "seen": SEEN, "daily": "partition day quantity"}
    await _roll_back(bench)
    assert await _views(bench) == {"totals": "kind sku quantity", "seen": SEEN, "by_day": "partition day quantity"}


SEEN = "sku partition record_offset quantity"


async def _views(bench: Bench) -> dict[str, str]:
    rows = await bench.pool.fetch(
        "SELECT table_name, string_agg(column_name, ' ' ORDER BY ordinal_position) AS columns "
        "FROM information_schema.columns WHERE table_schema = $1 GROUP BY 1",
        bench.projection.public_schema,
    )
    return {row["table_name"]: row["columns"] for row in rows}


@both_stores
async def test_without_a_generation_before_it_is_refused(bench: Bench) -> None:
    with pytest.raises(RollbackRefused, match="was not rebuilt"):
        await _roll_back(bench)
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
        with pytest.raises(RollbackRefused, match="was not rebuilt"):
            await _roll_back(bench)


@both_stores
async def test_it_is_refused_while_a_rebuild_runs(bench: Bench) -> None:
    await bench.worker()
    await rebuild(bench)
    async with bench.pool.acquire() as connection:
        await only_one(connection, bench.projection.name)
        with pytest.raises(RollbackRefused, match="is being rebuilt"):
            await _roll_back(bench)
    assert await generation(bench) == 2
    await _roll_back(bench)
    assert await generation(bench) == 1


@pytest.mark.parametrize("store", ["redis"])
async def test_what_redis_has_lost_is_not_gone_back_to(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    await rebuild(bench)
    await rebuild(bench)
    await bench.redis.delete(f"{bench.projection.name}:2:pos")
    with pytest.raises(RollbackRefused, match="not there any more"):
        await _roll_back(bench)
    assert await generation(bench) == 3
    assert await bench.totals() == {"a": 1}


@pytest.mark.parametrize("store", ["redis"])
async def test_what_redis_has_applied_in_part_is_not_gone_back_to(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
    await rebuild(bench)
    await bench.redis.hset(f"{bench.projection.name}:1:pos", "damaged", "ERR no number")
    with pytest.raises(RollbackRefused, match=r"generation 1 was applied in part \(ERR no number\)"):
        await _roll_back(bench)
    assert await generation(bench) == 2
    async with bench.working():
        await bench.writer.append(0, [received("a", 2)])
        await bench.until_totals({"a": 3})


@pytest.mark.parametrize("store", ["redis"])
async def test_what_another_version_has_filled_than_the_row_says_is_not_gone_back_to(bench: Bench) -> None:
    await bench.worker()
    await rebuild(bench)
    await bench.redis.hset(f"{bench.projection.name}:1:pos", "version", 7)
    with pytest.raises(RollbackRefused, match="generation 1 was filled by version 7, not 1"):
        await _roll_back(bench)
    assert await generation(bench) == 2


@both_stores
async def test_queries_see_one_generation_or_the_other_while_it_is_rolled_back_and_forth(bench: Bench) -> None:
    await bench.writer.append(0, [received("a") for _ in range(10)])
    async with bench.working():
        await bench.until_totals({"a": 10})
        await rebuild(bench)
        stop = asyncio.Event()

        async def watch() -> int:
            looks = 0
            while not stop.is_set():
                assert await bench.totals() == {"a": 10}
                looks += 1
                await asyncio.sleep(0)
            return looks

        watching = asyncio.create_task(watch())
        for _ in range(10):
            await _roll_back(bench)
        stop.set()
        assert await watching > 10
    assert await generation(bench) == 2
