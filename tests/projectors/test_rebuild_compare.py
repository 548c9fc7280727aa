"""Before a rebuild switches it compares: rows that differ at one version and the same events are not switched to."""

import asyncio
from collections.abc import Sequence
from itertools import product
from uuid import uuid4

import asyncpg
import orjson
import pytest
from redis.asyncio import Redis

from event_schemas.record import Recorded
from projectors.projection import RedisCommand, Statement
from projectors.rebuilds import compare_redis, compared_redis, followed_redis
from projectors.rebuilds import wait as rebuild_wait
from projectors.rebuilds.compare import Different, NotCompared
from projectors.rebuilds.options import DEFAULTS, RebuildOptions
from projectors.rebuilds.row_digest import Rows, columns_of, digest, digest_by_bucket, key_of, only_in
from projectors.rebuilds.run import Run
from tests.projectors.rebuilding import generation, quiet, rebuild
from tests.projectors.tiny import Bench, received
from tests.support.poll import until
from tests.support.running import running

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


async def _plant(bench: Bench) -> None:
    """Let the serving generation say 7 of `s3`, of which 2 came, and know a `ghost` that never was."""
    if bench.projection.store == "redis":
        await bench.redis.zadd(f"{bench.projection.name}:1:totals", {"s3": 7, "ghost": 1})
        return
    table = f"{bench.projection.name}_g1.totals"
    await bench.pool.execute(f"UPDATE {table} SET quantity = 7 WHERE sku = 's3'")
    await bench.pool.execute(f"INSERT INTO {table} VALUES ('ghost', 1)")


@both_stores
async def test_a_planted_difference_is_shown_and_the_switch_refused_until_it_is_accepted(bench: Bench) -> None:
    for partition in range(3):
        await bench.writer.append(partition, [received(f"s{partition * 2 + n % 2}") for n in range(4)])
    everything = {f"s{n}": 2 for n in range(6)}
    async with bench.working():
        await bench.until_totals(everything)
        await _plant(bench)
        with pytest.raises(Different) as refused:
            await rebuild(bench)
        assert refused.value.exit_code == 3
        assert await generation(bench) == 1
        [found] = [one for one in refused.value.comparison.tables if one.differ]
        assert (found.table, found.served, found.filled) == ("totals", 7, 6)
        assert _plain([*found.only_served, *found.only_filled]) == [("ghost", 1), ("s3", 7), ("s3", 2)]
        for line in [*(f"- {row}" for row in found.only_served), *(f"+ {row}" for row in found.only_filled)]:
            assert line in str(refused.value)
        await bench.writer.append(0, [received("s0")])
        report = await rebuild(bench, options=RebuildOptions("staff:night", accept=True))
        assert (report.generation, report.events < 5, await generation(bench)) == (2, True, 2)
        await bench.until_totals({**everything, "s0": 3})
    [row] = await bench.pool.fetch(
        "SELECT actor, action, generation, partition, outcome FROM stockroom.audit WHERE projection = $1",
        bench.projection.name,
    )
    assert tuple(row)[:4] == ("staff:night", "rebuild", 2, None)
    outcome = orjson.loads(row["outcome"])
    assert (outcome["accepted"], outcome["compared"]["differ"]) == (True, True)


def _plain(rows: Sequence[str]) -> list[tuple[str, int]]:
    """SKU and quantity of a shown row: JSON of a table's, `member: score` of a sorted set's."""
    if rows[0].startswith("{"):
        return [(one["sku"], one["quantity"]) for one in map(orjson.loads, rows)]
    return [(sku, int(float(score))) for sku, score in (row.split(": ") for row in rows)]


@both_stores
async def test_differences_from_another_version_are_told_and_switched_to(bench: Bench) -> None:
    await bench.writer.append(0, [received("a", 2)])
    async with bench.working():
        await bench.until_totals({"a": 2})
        apply = bench.projection.apply

        def twice(events: Sequence[Recorded]) -> list[Statement] | list[RedisCommand]:
            return [*apply(events), *apply(events)]

        bench.projection = bench.projection._replace(apply=twice, bulk=None)  # type: ignore[arg-type]
        report = await rebuild(bench, version=2)
    assert (report.compared.differ, report.compared.refuses, await generation(bench)) == (True, False, 2)
    assert any(line.startswith("totals: 1 rows and 1 rows, they differ") for line in report.compared.lines())
    assert await bench.totals() == {"a": 4}


async def _filled_once(bench: Bench) -> None:
    """A serving generation that a worker has filled, who is gone; one event has come since."""
    await bench.writer.append(0, [received("a"), received("b")])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    await bench.writer.append(0, [received("a")])


@both_stores
async def test_a_serving_generation_in_which_nothing_is_yet_is_not_waited_for(bench: Bench) -> None:
    await bench.writer.append(0, [received("a"), received("b")])
    compared = (await rebuild(bench)).compared
    assert compared.incomplete == "the serving generation is 5 records behind, and nobody fills it"
    assert (compared.differ, compared.skipped, await generation(bench)) == (False, False, 2)


@both_stores
async def test_a_serving_generation_that_nobody_fills_is_passed_by_only_when_that_is_accepted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_wait, "STILL_SECONDS", 0.3)
    await _filled_once(bench)
    run = Run(uuid4(), [bench.projection], DEFAULTS, 1)
    with pytest.raises(NotCompared, match=r"NOT COMPARED: .* 1 records behind, and nobody fills it") as refused:
        await run.go(bench.settings, quiet())
    assert (refused.value.exit_code, await generation(bench), await bench.totals()) == (4, 1, {"a": 1, "b": 1})
    row = await bench.pool.fetchrow("SELECT state, code, error FROM stockroom.rebuilds WHERE id = $1", run.id)
    assert tuple(row or ()) == ("refused", "not_compared", str(refused.value))
    report = await rebuild(bench, options=RebuildOptions(accept=True))
    assert (report.compared.skipped, await generation(bench), await bench.totals()) == (True, 2, {"a": 2, "b": 1})
    sql = "SELECT outcome FROM stockroom.audit WHERE projection = $1"
    outcome = orjson.loads(await bench.pool.fetchval(sql, bench.projection.name))
    assert (outcome["accepted"], outcome["compared"]["skipped"]) == (True, True)


@both_stores
async def test_one_of_another_version_that_nobody_fills_is_passed_by_and_that_is_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_wait, "STILL_SECONDS", 0.3)
    await _filled_once(bench)
    report = await rebuild(bench, version=2)
    assert (report.compared.refuses, await generation(bench)) == (False, 2)
    assert any(line.startswith("NOT COMPARED: ") for line in report.compared.lines())


@both_stores
async def test_one_that_a_worker_fills_is_waited_for_though_it_stands_still(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild_wait, "STILL_SECONDS", 0.1)
    monkeypatch.setattr(rebuild_wait, "SAY_SECONDS", 0.2)
    await _filled_once(bench)
    beat = "INSERT INTO stockroom.workers VALUES ($1, $2, clock_timestamp() + interval '1 minute')"
    await bench.pool.execute(beat, f"{bench.projection.name}:1", [f"{bench.projection.name} v1"])
    progress = quiet()

    async def step() -> str:
        return str((progress.described() or [{"step": ""}])[0]["step"])

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        going = group.create_task(Run(uuid4(), [bench.projection], DEFAULTS, 1).go(bench.settings, progress))
        await until(step, lambda said: said == "waiting for the serving generation, 1 records behind")
        assert await generation(bench) == 1
        worker = await bench.worker()
        await worker.commit(*await bench.behind(worker))
    compared = going.result()[0].compared
    assert (compared.incomplete, compared.skipped, await generation(bench)) == ("", False, 2)


@both_stores
async def test_what_was_filled_and_refused_can_be_filled_anew(bench: Bench) -> None:
    await bench.writer.append(0, [received(f"s{n}", 2) for n in range(4)])
    async with bench.working():
        await bench.until_totals({f"s{n}": 2 for n in range(4)})
        await _plant(bench)
        for expected, anew in ((2, False), (3, True)):
            with pytest.raises(Different) as refused:
                await rebuild(bench, options=RebuildOptions(anew=anew))
            assert refused.value.comparison.begun.filling == expected
    assert await bench.totals() == {"s0": 2, "s1": 2, "s2": 2, "s3": 7, "ghost": 1}


@pytest.fixture
async def tables(postgres: asyncpg.Pool, unique: str) -> str:
    """A schema with two tables, one with a key and one without."""
    await postgres.execute(f"CREATE SCHEMA {unique}")
    for name, key in (("keyed", ", PRIMARY KEY (a)"), ("bare", "")):
        await postgres.execute(f"CREATE TABLE {unique}.{name} (a int, b text{key})")
    return unique


async def test_a_digest_tells_order_apart_from_content_and_counts_rows_that_are_there_twice(
    postgres: asyncpg.Pool, tables: str
) -> None:
    async with postgres.acquire() as connection:
        columns = await columns_of(connection, f"{tables}.bare")
        rows = Rows(f"{tables}.bare", columns, ())
        await connection.execute(f"INSERT INTO {tables}.bare VALUES (1, 'x'), (2, NULL), (2, NULL), (NULL, '')")
        before = await digest_by_bucket(connection, rows)
        assert sum(count for count, _ in before.values()) == 4
        await connection.execute(f"CREATE TABLE {tables}.other AS SELECT * FROM {tables}.bare ORDER BY b DESC, a DESC")
        other = Rows(f"{tables}.other", columns, ())
        assert await digest_by_bucket(connection, other) == before
        together = await digest(connection, rows)
        assert await digest(connection, other) == together == (4, sum(hashes for _, hashes in before.values()))
        await connection.execute(f"INSERT INTO {tables}.other VALUES (2, NULL)")
        assert await digest(connection, other) != together
        after = await digest_by_bucket(connection, other)
        differing = [bucket for bucket in before if before[bucket] != after[bucket]]
        assert len(differing) == 1
        assert await only_in(connection, other, rows, differing) == ['{"a":2,"b":null}']
        assert await only_in(connection, rows, other, differing) == []


async def test_a_row_that_changed_keeps_its_bucket_by_its_key(postgres: asyncpg.Pool, tables: str) -> None:
    async with postgres.acquire() as connection:
        table = f"{tables}.keyed"
        rows = Rows(table, await columns_of(connection, table), await key_of(connection, table))
        assert rows.key == ["a"]
        await connection.execute(f"INSERT INTO {table} SELECT n, 'x' FROM generate_series(1, 1000) n")
        before = await digest_by_bucket(connection, rows)
        await connection.execute(f"UPDATE {table} SET b = 'y' WHERE a = 500")
        after = await digest_by_bucket(connection, rows)
    assert before.keys() == after.keys()
    assert [before[bucket][0] - after[bucket][0] for bucket in before if before[bucket] != after[bucket]] == [0]


@pytest.mark.parametrize("store", ["redis"])
async def test_where_very_many_keys_differ_the_first_are_shown_and_it_is_told_so(bench: Bench) -> None:
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
        for number in range(120):
            await bench.redis.set(f"{bench.projection.name}:1:odd:{number}", number)
        with pytest.raises(Different) as refused:
            await rebuild(bench)
    compared = refused.value.comparison
    assert (len(compared.tables), compared.incomplete) == (20, "50 of 121 keys, since so many differ")


async def _put(bench: Bench, key: str, members: int) -> None:
    """A key of the serving generation alone, with so many members."""
    pairs = {f"m{number}": number for number in range(members)}
    await bench.redis.zadd(f"{bench.projection.name}:1:{key}", pairs)


@pytest.mark.parametrize("store", ["redis"])
async def test_every_key_is_compared_however_long_that_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_redis, "HELD_SECONDS", 0.0)
    await bench.writer.append(0, [received("a")])
    async with bench.working():
        await bench.until_totals({"a": 1})
        for number in range(120):
            await bench.redis.set(f"{bench.projection.name}:1:same:{number:03}", 1)
        await _put(bench, "very:last", 3)
        for module in (compare_redis, compared_redis):
            monkeypatch.setattr(module, "SHOWN_KEYS", 1_000)
        with pytest.raises(Different) as refused:
            await rebuild(bench)
    tables = refused.value.comparison.tables
    assert (len(tables), tables[-1].table, tables[-1].served) == (121, "very:last", 3)
    assert refused.value.comparison.incomplete == ""


@pytest.mark.parametrize("store", ["redis"])
async def test_a_comparison_in_redis_that_outlives_its_hold_comes_about_under_load(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed_redis, "HOLD_MS", 300)
    monkeypatch.setattr(compared_redis, "ANSWER_SECONDS", 1)
    await bench.writer.append(0, [received("a")])

    async def write() -> None:
        while True:
            await bench.writer.append(0, [received("a")])

    async with bench.working():
        await bench.until_totals({"a": 1})
        await _put(bench, "large", 600_000)
        async with asyncio.timeout(60), running(write()):
            with pytest.raises(Different) as refused:
                await rebuild(bench)
    [found] = refused.value.comparison.tables
    assert (found.table, found.served, found.filled) == ("large", 600_000, None)


async def test_a_large_key_is_a_portion_of_its_own(redis: Redis, unique: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_redis, "HELD_SECONDS", 0.0)
    sizes = {"a": 3, "b": 3, "c": 1_001, "d": 1_001, "e": 3}
    for side, name in product(("1:", "2:"), sizes):
        await redis.zadd(f"{unique}:{side}{name}", {f"m{number}": number for number in range(sizes[name])})
    await redis.zadd(f"{unique}:2:d", {"m7": 8})
    names, portions = list(sizes), list[tuple[list[str], int]]()
    while names:
        found, done = await compare_redis.compare(redis, f"{unique}:1:", f"{unique}:2:", names, _held)
        portions.append(([one.table for one in found], done))
        names = names[done:]
    assert portions == [([], 2), ([], 1), (["d"], 1), ([], 1)]


async def _held() -> None:
    """Nobody has to be held back."""
