"""`/v1/dead-letters` of the policies, over the real tables and the real command API."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from infra.http.problem_handlers import install
from policies.dead_letters import redrive as redriving
from policies.dead_letters.http import dead_letters_router
from policies.dead_letters.lists_http import lists_router
from tests.policies.bench import Bench
from tests.policies.test_redrive import answers, park


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app with these endpoints, over a policy that has parked three orders of one key."""
    await park(bench, 3)
    app = FastAPI()
    install(app)
    app.include_router(lists_router(bench.postgres, [bench.policy]))
    app.include_router(dead_letters_router(bench.redrive, [bench.policy]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://policies") as client:
        yield client


async def test_what_is_parked_is_listed_shown_and_retried(bench: Bench, client: httpx.AsyncClient) -> None:
    listed = (await client.get("/v1/dead-letters", params={"limit": 2, "key": "key-1"})).json()
    assert listed["total"] == 3
    assert [(one["policy"], one["place"], one["code"]) for one in listed["items"]] == [
        (bench.policy.name, f"{bench.topic}/0@1", "reaction_failed"),
        (bench.policy.name, f"{bench.topic}/0@2", "queued_behind"),
    ]
    shown = (await client.get(f"/v1/dead-letters/{bench.policy.name}/{bench.topic}/0/1")).json()
    assert shown["headers"]["ce_type"] == "order.placed.v1"
    answer = await client.post("/v1/dead-letters/retry", json={"policy": bench.policy.name, "key": None})
    assert (answer.status_code, answer.json()) == (200, {"carried_out": 3, "failed": 0, "waiting": 0, "refused": 0})
    assert (await client.get("/v1/dead-letters")).json() == {"total": 0, "items": [], "next": None}
    assert await bench.answered() == answers(bench, 0, 1, 2)


async def test_one_is_dropped_with_a_reason_and_those_behind_it_are_retried(
    bench: Bench, client: httpx.AsyncClient
) -> None:
    path = f"/v1/dead-letters/{bench.policy.name}/{bench.topic}/0/1/drop"
    first = (await client.post(path, json={"reason": "a test order"})).json()
    assert (first["already"], first["reason"], first["behind"]["carried_out"]) == (False, "a test order", 2)
    again = (await client.post(path, json={"reason": "another"})).json()
    assert (again["already"], again["reason"]) == (True, "a test order")
    (gone,) = (await client.get("/v1/dead-letters/dropped")).json()["items"]
    assert (gone["place"], gone["key"], gone["actor"]) == (f"{bench.topic}/0@1", "key-1", "staff:operator")
    assert await bench.answered() == answers(bench, 1, 2)


async def test_what_is_not_there_is_404_and_a_command_api_that_is_away_503(
    bench: Bench, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = await client.post("/v1/dead-letters/retry", json={"policy": "sell", "key": None})
    assert (answer.status_code, answer.json()["code"]) == (404, "policy_not_found")
    answer = await client.get(f"/v1/dead-letters/{bench.policy.name}/{bench.topic}/0/9")
    assert (answer.status_code, answer.json()["code"]) == (404, "dead_letter_not_found")
    path = f"/v1/dead-letters/{bench.policy.name}/{bench.topic}/0/9/drop"
    assert (await client.post(path, json={"reason": "no"})).json()["code"] == "dead_letter_not_found"
    monkeypatch.setattr(redriving, "PATIENCE_SECONDS", 0.5)
    await bench.cable.cut()
    answer = await client.post("/v1/dead-letters/retry", json={"policy": bench.policy.name, "key": None})
    await bench.cable.mend()
    assert (answer.status_code, answer.json()["code"]) == (503, "dependency_unavailable")
    assert len(await bench.waiting()) == 3


async def test_pages_follow_one_another_by_their_cursor(bench: Bench, client: httpx.AsyncClient) -> None:
    places, after = [], dict[str, str]()
    for _ in range(3):
        page = (await client.get("/v1/dead-letters", params={"limit": 1, **after})).json()
        assert page["total"] == 3
        places += [one["place"] for one in page["items"]]
        after = {"after": page["next"] or ""}
    assert (places, after) == ([f"{bench.topic}/0@{offset}" for offset in (1, 2, 3)], {"after": ""})
    answer = await client.get("/v1/dead-letters", params={"after": f"sell {bench.topic}/0@1"})
    assert answer.json()["code"] == "policy_not_found"
    assert (await client.get("/v1/dead-letters", params={"after": "17"})).json()["code"] == "validation_failed"


async def test_what_was_dropped_comes_in_pages_too(bench: Bench, client: httpx.AsyncClient) -> None:
    insert = "INSERT INTO policies.dropped VALUES ($1, $2, $3, $4, $5, 'a test', 'staff:test')"
    for partition, offset, key in ((1, 0, b"b"), (0, 12, b"a"), (0, 7, b"b"), (0, 3, b"a")):
        await bench.postgres.execute(insert, bench.policy.name, bench.topic, partition, offset, key)
    places, after = [], dict[str, str]()
    for _ in range(2):
        page = (await client.get("/v1/dead-letters/dropped", params={"limit": 2, **after})).json()
        assert page["total"] == 4
        places += [one["place"].partition("/")[2] for one in page["items"]]
        after = {"after": page["next"] or ""}
    assert (places, after) == (["0@3", "0@7", "0@12", "1@0"], {"after": ""})
    keyed = (await client.get("/v1/dead-letters/dropped", params={"key": "b", "limit": 1})).json()
    assert (keyed["total"], keyed["next"]) == (2, f"{bench.policy.name} {bench.topic}/0@7")
    answer = await client.get("/v1/dead-letters/dropped", params={"after": "17"})
    assert answer.json()["code"] == "validation_failed"


async def test_what_is_no_text_is_refused(bench: Bench, client: httpx.AsyncClient) -> None:
    body = f'{{"policy": "{bench.policy.name}", "key": "\\ud800"}}'
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/v1/dead-letters/retry", content=body, headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/key")
    answer = await client.get(f"/v1/dead-letters/{bench.policy.name}/a%00/0/1")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
