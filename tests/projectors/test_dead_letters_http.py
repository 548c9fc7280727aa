"""`/v1/dead-letters` of the projectors."""

from collections.abc import AsyncIterator

import httpx
import pytest

from event_schemas.stock import StockReceived
from projectors.app import create_app
from tests.projectors.tiny import Bench, received

both_stores = pytest.mark.parametrize("store", ["postgres", "redis"])


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the projectors' app, over a projection in which two keys are parked; poison is mended meanwhile."""
    await bench.writer.append(0, [received("a", 1, "explode"), received("a", 2), received("b", 5_000)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    broken = bench.projection.apply
    bench.projection = bench.projection._replace(
        apply=lambda events: broken(  # type: ignore[arg-type]
            [
                one._replace(event=one.event.model_copy(update={"reference": None}))
                for one in events
                if isinstance(one.event, StockReceived)
            ]
        )
    )
    transport = httpx.ASGITransport(create_app(bench.engine()))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@both_stores
async def test_what_is_parked_is_listed_shown_and_retried(bench: Bench, client: httpx.AsyncClient) -> None:
    name, topic = bench.projection.name, bench.projection.topic
    listed = (await client.get("/v1/dead-letters", params={"limit": 2})).json()
    assert listed["total"] == 3
    assert [(one["place"], one["key"], one["code"]) for one in listed["items"]] == [
        (f"{topic}/0@1", "a", "apply_failed"),
        (f"{topic}/0@2", "a", "queued_behind"),
    ]
    shown = (await client.get(f"/v1/dead-letters/{name}/{topic}/0/3")).json()
    assert (shown["key"], shown["headers"]["ce_subject"]) == ("b", "b")
    answer = await client.post("/v1/dead-letters/retry", json={"projection": name, "key": None})
    assert (answer.status_code, answer.json()) == (200, {"applied": 2, "failed": 1, "waiting": 0, "dropped": 0})
    assert await bench.totals() == {"a": 3}
    left = (await client.get("/v1/dead-letters", params={"projection": name})).json()
    assert [(one["key"], one["attempts"]) for one in left["items"]] == [("b", 2)]
    none = {"total": 0, "items": [], "next": None}
    assert (await client.get("/v1/dead-letters", params={"key": "a"})).json() == none


@both_stores
async def test_a_retry_tells_what_was_given_up(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.void((0, 1))
    answer = await client.post("/v1/dead-letters/retry", json={"projection": bench.projection.name, "key": "a"})
    assert answer.json() == {"applied": 1, "failed": 0, "waiting": 0, "dropped": 1}


@both_stores
async def test_pages_follow_one_another_by_their_cursor(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.writer.append(2, [received("c", 5_000), received("a2", 5_000), received("c", 1)])
    worker = await bench.worker()
    await worker.commit(*await bench.behind(worker))
    places, pages, after = [], 0, None
    while pages == 0 or after:
        page = (await client.get("/v1/dead-letters", params={"limit": 2, **({"after": after} if after else {})})).json()
        assert page["total"] == 6
        places += [one["place"].partition("/")[2] for one in page["items"]]
        after, pages = page["next"], pages + 1
    assert (places, pages) == (["0@1", "0@2", "0@3", "2@1", "2@2", "2@3"], 3)
    keyed = (await client.get("/v1/dead-letters", params={"key": "c", "limit": 1})).json()
    assert (keyed["total"], keyed["next"]) == (2, f"{bench.projection.name} 2@1")


async def test_what_was_dropped_comes_in_pages_too(bench: Bench, client: httpx.AsyncClient) -> None:
    await bench.void((2, 4), (0, 7), (0, 12), (0, 1), (2, 0))
    places, after = [], dict[str, str]()
    for _ in range(3):
        page = (await client.get("/v1/dead-letters/dropped", params={"limit": 2, **after})).json()
        assert page["total"] == 5
        places += [one["place"].partition("/")[2] for one in page["items"]]
        after = {"after": page["next"] or ""}
    assert (places, after) == (["0@1", "0@7", "0@12", "2@0", "2@4"], {"after": ""})
    nothing = {"total": 0, "items": [], "next": None}
    assert (await client.get("/v1/dead-letters/dropped", params={"key": "nobody's"})).json() == nothing
    answer = await client.get("/v1/dead-letters/dropped", params={"after": "17"})
    assert answer.json()["code"] == "validation_failed"
    answer = await client.get("/v1/dead-letters/dropped", params={"after": "nobody 0@1"})
    assert answer.json()["code"] == "projection_not_found"


async def test_what_is_not_there_or_not_understood_is_told(bench: Bench, client: httpx.AsyncClient) -> None:
    name = bench.projection.name
    for path, code in {
        f"/v1/dead-letters/{name}/{name}/0/77": "dead_letter_not_found",
        f"/v1/dead-letters/nobody/{name}/0/1": "projection_not_found",
        "/v1/dead-letters?projection=nobody": "projection_not_found",
        "/v1/dead-letters?keys=a": "unknown_parameter",
    }.items():
        assert (await client.get(path)).json()["code"] == code
    answer = await client.post("/v1/dead-letters/retry", json={"projection": name})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/key")
    answer = await client.post("/v1/dead-letters/retry", json={"projection": name, "key": "a\x00"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/key")
    answer = await client.post("/v1/dead-letters/retry", json={"projection": name, "key": "a" * 20_000})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_a_projection_of_another_version_is_not_retried(bench: Bench, client: httpx.AsyncClient) -> None:
    name = bench.projection.name
    await bench.pool.execute("UPDATE stockroom.projections SET version = 9 WHERE name = $1", name)
    answer = await client.post("/v1/dead-letters/retry", json={"projection": name, "key": "a"})
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_retry")
    assert f"./stockroom rebuild {name}" in answer.json()["detail"]
