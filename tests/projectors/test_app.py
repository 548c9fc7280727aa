"""The process's HTTP and its command line."""

import asyncio
import os
import sys

import httpx
import pytest

from infra.settings import REPOSITORY
from projectors.app import create_app
from projectors.engine.engine import Engine
from projectors.engine.status import State
from projectors.stores.connect import connect_postgres
from tests.projectors.tiny import Bench, received
from tests.support.cable import cable_to_postgres
from tests.support.poll import until
from tests.support.prometheus import Samples, parsed
from tests.support.running import running

BEGIN = "stockroom_projection_"
OUT_OF_DATE = f"{BEGIN}out_of_date"
FIGURES = ("lag_seconds", "lag_events", "void_total", "parked_records", "oldest_parked_seconds", "out_of_date")
NAMES = {f"{BEGIN}{figure}" for figure in FIGURES}
HANGS = 30.0
"""Without a bound of ours a server that hangs is waited for a minute."""


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_it_is_ready_once_every_projection_runs_and_shows_where_each_stands(bench: Bench) -> None:
    engine = bench.engine()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(engine)), base_url="http://test") as client:
        refused = await client.get("/ready")
        assert (refused.status_code, refused.json()["code"]) == (503, "not_ready")
        assert set(refused.json()["reasons"]) == {"kafka", bench.projection.name}
        assert (await client.get("/health")).status_code == 200
        await bench.writer.append(1, [received("a"), received("bad", 5_000)])
        async with running(engine.run()):
            await bench.until_totals({"a": 1})
            await until(lambda: client.get("/ready"), lambda answer: answer.status_code == 200)
            [shown] = (await client.get("/projections")).json()["projections"]
    assert (shown["name"], shown["generation"], shown["version"]) == (bench.projection.name, 1, 1)
    assert (shown["state"], shown["parked_keys"]) == ("running", 1)
    assert shown["last_error"]
    assert [(one["next_offset"], one["lag_events"], one["void"]) for one in shown["partitions"]] == [
        (1, 0, 0),
        (3, 0, 0),
        (1, 0, 0),
    ]


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_a_projection_to_rebuild_is_an_alarm_and_the_process_is_ready_for_the_others(bench: Bench) -> None:
    async with bench.working():
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
    bench.projection = bench.projection._replace(version=2)
    engine = bench.engine()
    transport = httpx.ASGITransport(create_app(engine))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client, running(engine.run()):
        answer = await until(lambda: client.get("/ready"), lambda answer: answer.status_code == 200)
        [alarm] = answer.json()["alarms"]
        assert alarm.startswith(f"{bench.projection.name} rebuild_needed: ")
        assert alarm.endswith(f"run `./stockroom rebuild {bench.projection.name}`")
        assert await bench.totals() == {"a": 1}


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_metrics_tell_lag_void_and_parked_records_with_their_age(bench: Bench) -> None:
    name, engine = bench.projection.name, bench.engine()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(engine)), base_url="http://test") as client:

        async def told() -> dict[str, Samples]:
            return parsed((await client.get("/metrics")).text)

        assert await told() == {each: {} for each in NAMES - {OUT_OF_DATE}} | {OUT_OF_DATE: {(name,): 0}}
        await bench.writer.append(1, [received("a"), received("bad", 5_000)])
        await bench.writer.append(2, [received("bad", 5_000), received("bad")])
        async with running(engine.run()):
            await bench.until_totals({"a": 1})
            found = await until(told, lambda found: found[f"{BEGIN}parked_records"].get((name,)) == 3)
        partitions = {(name, str(number)): 0.0 for number in range(3)}
        assert found[f"{BEGIN}lag_events"] == found[f"{BEGIN}lag_seconds"] == found[f"{BEGIN}void_total"] == partitions
        assert 0 < found[f"{BEGIN}oldest_parked_seconds"][name,] < 60
        engine.runners[0].status.failed(State.REBUILD_NEEDED, ValueError("another version"))
        assert (await told())[OUT_OF_DATE] == {(name,): 1}


@pytest.mark.parametrize("store", ["postgres", "redis"])
async def test_what_is_parked_is_not_told_as_nothing_before_redis_has_told_it(bench: Bench) -> None:
    await bench.writer.append(1, [received("bad", 5_000)])
    async with bench.working() as status:
        await until(lambda: asyncio.sleep(0, len(status.parked.keys)), bool)
    just_started = httpx.ASGITransport(create_app(bench.engine()))
    async with httpx.AsyncClient(transport=just_started, base_url="http://test") as client:
        parked = parsed((await client.get("/metrics")).text)[f"{BEGIN}parked_records"]
    assert parked == ({(bench.projection.name,): 1} if bench.projection.store == "postgres" else {})


async def test_head_is_answered_as_get_is_without_a_body(bench: Bench) -> None:
    async with bench.working():
        await bench.writer.append(0, [received("a")])
        await bench.until_totals({"a": 1})
    transport = httpx.ASGITransport(create_app(bench.engine()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/health", "/ready", "/projections", "/v1/dead-letters", "/v1/rebuilds", "/v1/nothing"):
            got, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.headers, head.content) == (got.status_code, got.headers, b""), path
        refused = await client.delete("/projections")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


async def test_it_is_not_ready_while_postgresql_hangs(bench: Bench) -> None:
    async with cable_to_postgres(bench.settings) as (cable, through):
        engine = Engine(through, bench.pool, bench.redis, [bench.projection])
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client, running(engine.run()):
            await until(lambda: client.get("/ready"), lambda answer: answer.status_code == 200)
            cable.freeze()
            async with asyncio.timeout(HANGS):
                answer = await client.get("/ready")
            assert answer.status_code == 503
            assert answer.json()["reasons"] == {"postgresql": "No answer within 2.5 s."}
            cable.thaw()
            await until(lambda: client.get("/ready"), lambda answer: answer.status_code == 200)


async def test_metrics_are_told_without_what_only_the_store_knows_while_it_hangs(bench: Bench) -> None:
    async with cable_to_postgres(bench.settings) as (cable, through), connect_postgres(through) as pool:
        transport = httpx.ASGITransport(create_app(Engine(through, pool, bench.redis, [bench.projection])))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/metrics")).status_code == 200
            cable.freeze()
            async with asyncio.timeout(HANGS):
                figures = parsed((await client.get("/metrics")).text)
            assert (figures[f"{BEGIN}parked_records"], figures[OUT_OF_DATE]) == ({}, {(bench.projection.name,): 0})
            cable.thaw()


async def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projectors", "rebuild", "nope"), cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
    )
    _, error = await process.communicate()
    assert process.returncode == 2
    assert b"'nope'" in error
    assert b"order_history" in error


async def test_a_rebuild_with_all_servers_down_ends_and_says_so() -> None:
    unused = "127.0.0.1:1"
    servers = {
        "STOCKROOM_KAFKA_BOOTSTRAP_SERVERS": unused,
        "STOCKROOM_POSTGRES_DSN": f"postgresql://stockroom@{unused}/stockroom",
        "STOCKROOM_REDIS_URL": f"redis://{unused}/0",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projectors", "rebuild", "stock"),
        cwd=REPOSITORY,
        env={**os.environ, **servers},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            _, error = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 1
    assert all(f"{server}: ".encode() in error for server in ("Kafka", "PostgreSQL", "Redis"))
    assert error.rstrip().endswith(b"Is it up? ./stockroom status")


@pytest.mark.parametrize(
    ("arguments", "told"), [(["sales", "--all"], b"give names or --all, not both"), ([], b"give names, or --all")]
)
async def test_names_and_all_together_or_neither_is_answered_with_what_is_true(
    arguments: list[str], told: bytes
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projectors", "rebuild", *arguments), cwd=REPOSITORY, stderr=asyncio.subprocess.PIPE
    )
    _, error = await process.communicate()
    assert process.returncode == 2
    assert error.strip() == told
