"""`/v1/rebuilds` of the projectors, whose rebuilds are processes of their own on the product's read models."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from redis.asyncio import Redis

from infra.settings import Settings
from projectors.app import create_app
from projectors.engine.engine import Engine
from projectors.read_models.registry import PROJECTIONS
from projectors.stores.connect import connect_postgres
from projectors.stores.control_tables import rebuild_lock
from tests.support.poll import until
from tests.support.running import running

SECONDS = 60.0


@pytest.fixture
async def own(
    settings: Settings, postgres: asyncpg.Pool, unique: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Settings]:
    """Settings with a database of their own, which processes that are started inherit."""
    await postgres.execute(f"CREATE DATABASE {unique}")
    dsn = urlsplit(settings.dsn)._replace(path=f"/{unique}").geturl()
    monkeypatch.setenv("STOCKROOM_POSTGRES_DSN", dsn)
    yield settings.model_copy(update={"postgres_dsn": dsn})
    await postgres.execute(f"DROP DATABASE {unique} WITH (FORCE)")


@pytest.fixture
async def client(own: Settings, redis: Redis) -> AsyncIterator[httpx.AsyncClient]:
    """A client of projectors that run."""
    async with connect_postgres(own) as pool:
        engine = Engine(own, pool, redis, PROJECTIONS)
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client, running(engine.run()):
            await until(lambda: client.get("/ready"), lambda answer: answer.status_code == 200, SECONDS)
            yield client


async def _ended(client: httpx.AsyncClient, path: str) -> Any:
    async def shown() -> Any:
        return (await client.get(path)).json()

    return await until(shown, lambda run: run["state"] != "running", SECONDS)


async def test_a_rebuild_is_begun_followed_and_undone(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rebuilds", json={"names": ["sales", "stock"], "partitions_in_parallel": 1})
    assert (answer.status_code, answer.json()["state"], answer.json()["actor"]) == (202, "running", "staff:operator")
    run = await _ended(client, answer.headers["Location"])
    assert (run["state"], run["error"], run["names"]) == ("done", None, ["sales", "stock"])
    assert [(one["projection"], one["step"], one["report"]["generation"]) for one in run["progress"]] == [
        ("sales", "done", 2),
        ("stock", "done", 2),
    ]
    assert run["ended_at"] >= run["started_at"]
    assert [one["id"] for one in (await client.get("/v1/rebuilds")).json()["items"]] == [run["id"]]
    for expected in (1, 2):
        answer = await client.post("/v1/projections/sales/rollback")
        assert (answer.status_code, answer.json()["generation"], answer.json()["code_version"]) == (200, expected, 1)


async def test_a_rebuild_that_runs_is_not_begun_twice_and_ends_when_it_is_cancelled(
    client: httpx.AsyncClient, settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send("orders", b"{}", partition=0) for _ in range(200)])
    finally:
        await producer.stop()
    path = (await client.post("/v1/rebuilds", json={"names": ["sales"], "rate": 1})).headers["Location"]

    async def done() -> int:
        return sum(one["done"] for one in (await client.get(path)).json()["progress"])

    await until(done, lambda records: records > 0, SECONDS)
    answer = await client.post("/v1/rebuilds", json={"names": ["stock", "sales"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "rebuild_running")
    assert path in answer.json()["detail"]
    answer = await client.post("/v1/projections/sales/rollback")
    assert (answer.status_code, answer.json()["code"]) == (409, "rollback_refused")
    answer = await client.delete(path)
    assert (answer.status_code, answer.json()["cancelled"]) == (202, True)
    assert (await _ended(client, path))["state"] == "cancelled"
    said = await until(_ending(capfd), lambda text: "rebuild ended" in text, SECONDS)
    assert "cancelled: what is not told as done is left where it stands" in said
    assert "Traceback" not in said
    answer = await client.delete(path)
    assert (answer.status_code, answer.json()["code"]) == (409, "rebuild_ended")
    path = (await client.post("/v1/rebuilds", json={"names": ["sales"]})).headers["Location"]
    run = await _ended(client, path)
    assert (run["state"], run["progress"][0]["report"]["generation"]) == ("done", 2)


def _ending(capfd: pytest.CaptureFixture[str]) -> Callable[[], Coroutine[Any, Any, str]]:
    said = ""

    async def all_said() -> str:
        """What this process and its children have written so far."""
        nonlocal said
        said += "".join(capfd.readouterr())
        return said

    return all_said


async def test_a_run_without_a_sign_of_life_has_failed(client: httpx.AsyncClient, own: Settings) -> None:
    run = uuid4()
    connection = await asyncpg.connect(own.dsn)
    await connection.execute(
        "INSERT INTO stockroom.rebuilds (id, names, actor, state, beat_at) "
        "VALUES ($1, '{sales}', 'staff:operator', 'running', now() - interval '31 seconds')",
        run,
    )
    await connection.close()
    shown = (await client.get(f"/v1/rebuilds/{run}")).json()
    assert (shown["state"], shown["error"].startswith("no sign of life since ")) == ("failed", True)


async def _running(own: Settings, beat_seconds_ago: float) -> UUID:
    """A row of a run that was under way."""
    run = uuid4()
    connection = await asyncpg.connect(own.dsn)
    await connection.execute(
        "INSERT INTO stockroom.rebuilds (id, names, actor, state, beat_at, progress) "
        "VALUES ($1, '{sales}', 'staff:operator', 'running', now() - make_interval(secs => $2), '[{}]')",
        run,
        beat_seconds_ago,
    )
    await connection.close()
    return run


@pytest.mark.parametrize(
    ("silent_seconds", "ended_seconds_later", "state"),
    [(10, 10, "failed"), (10, 0.2, "failed"), (10, -0.5, "running"), (-600, 601, "running")],
)
async def test_a_run_that_says_nothing_since_a_later_one_has_done_all_of_it_is_over_and_one_that_lives_is_not(
    client: httpx.AsyncClient, own: Settings, silent_seconds: float, ended_seconds_later: float, state: str
) -> None:
    run = await _running(own, silent_seconds)
    connection = await asyncpg.connect(own.dsn)
    # Somebody holds the right to rebuild, so that the later run alone can show that this one is over.
    await connection.execute("SELECT pg_advisory_lock($1, $2)", *rebuild_lock("sales"))
    assert (await client.get(f"/v1/rebuilds/{run}")).json()["state"] == "running"
    await connection.execute(
        "INSERT INTO stockroom.rebuilds (id, names, actor, state, ended_at) "
        "SELECT $1, '{sales,stock}', 'staff:operator', 'done', beat_at + make_interval(secs => $2) "
        "FROM stockroom.rebuilds WHERE id = $3",
        uuid4(),
        ended_seconds_later,
        run,
    )
    assert (await client.get(f"/v1/rebuilds/{run}")).json()["state"] == state
    await connection.close()


async def test_a_run_that_was_killed_holds_nothing_up_for_long_and_one_that_holds_its_right_does(
    client: httpx.AsyncClient, own: Settings
) -> None:
    run = await _running(own, 6)
    holder = await asyncpg.connect(own.dsn)
    await holder.execute("SELECT pg_advisory_lock($1, $2)", *rebuild_lock("sales"))
    assert (await client.get(f"/v1/rebuilds/{run}")).json()["state"] == "running"
    answer = await client.post("/v1/rebuilds", json={"names": ["sales"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "rebuild_running")
    await holder.close()
    shown = await until(lambda: client.get(f"/v1/rebuilds/{run}"), lambda found: found.json()["state"] != "running")
    assert (shown.json()["state"], shown.json()["code"]) == ("failed", "rebuild_failed")
    answer = await client.post("/v1/rebuilds", json={"names": ["sales"]})
    assert answer.status_code == 202
    assert (await _ended(client, answer.headers["Location"]))["state"] == "done"


async def test_of_two_that_begin_at_once_one_wins(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*[client.post("/v1/rebuilds", json={"names": ["sales"]}) for _ in range(4)])
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409]
    [won] = [answer for answer in answers if answer.status_code == 202]
    assert (await _ended(client, won.headers["Location"]))["state"] == "done"


async def test_a_run_whose_process_cannot_be_started_has_failed_at_once(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        answer = await client.post("/v1/rebuilds", json={"names": ["sales"]})
    assert (answer.status_code, answer.json()["code"]) == (503, "rebuild_not_started")
    [run] = (await client.get("/v1/rebuilds")).json()["items"]
    assert (run["state"], run["error"].startswith("its process could not be started: ")) == ("failed", True)


async def test_a_plan_of_all_is_told_and_changes_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rebuilds/plan", json={"all": True, "rate": 1})
    assert answer.status_code == 200, answer.text
    plans = answer.json()["plans"]
    assert [one["projection"] for one in plans] == [one.name for one in PROJECTIONS]
    assert {(one["serving_generation"], one["resumes_generation"], one["fits"]) for one in plans} == {(1, None, True)}
    assert (await client.get("/v1/rebuilds")).json() == {"items": []}


async def test_what_is_not_there_or_not_understood_is_told(client: httpx.AsyncClient) -> None:
    wrong: list[tuple[str, str, Any, int, str]] = [
        ("GET", f"/v1/rebuilds/{uuid4()}", None, 404, "rebuild_not_found"),
        ("DELETE", f"/v1/rebuilds/{uuid4()}", None, 404, "rebuild_not_found"),
        ("POST", "/v1/rebuilds", {"names": ["nobody"]}, 404, "projection_not_found"),
        ("POST", "/v1/rebuilds", {"names": []}, 422, "validation_failed"),
        ("POST", "/v1/rebuilds", {"names": ["sales"], "all": True}, 422, "validation_failed"),
        ("POST", "/v1/rebuilds/plan", {"names": ["nobody"]}, 404, "projection_not_found"),
        ("POST", "/v1/rebuilds", {"names": ["sales"], "rate": 0}, 422, "validation_failed"),
        ("POST", "/v1/rebuilds", {"name": "sales"}, 422, "validation_failed"),
        ("POST", "/v1/projections/nobody/rollback", None, 404, "projection_not_found"),
        ("POST", "/v1/projections/sales/rollback", None, 409, "rollback_refused"),
        ("GET", "/v1/rebuilds?last=3", None, 400, "unknown_parameter"),
    ]
    for method, path, body, status, code in wrong:
        answer = await client.request(method, path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
    assert (await client.get("/v1/rebuilds")).json() == {"items": []}
