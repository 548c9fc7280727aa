"""Every error over HTTP has one shape, whoever raised it."""

from collections.abc import AsyncIterator
from typing import Annotated

import asyncpg
import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Query
from pydantic import BaseModel

from infra.http import problems
from infra.http.limits import BodyLimit
from infra.http.principal import CurrentPrincipal, Operator, current_principal
from infra.http.problem_handlers import install
from infra.http.strict_query import strict_query
from infra.principal import Principal


class Item(BaseModel):
    """What the test posts."""

    name: str
    quantity: int


class Basket(BaseModel):
    """Items in a body."""

    items: list[Item]


RAISED: dict[str, Exception] = {
    "conflict": problems.Conflict(
        "Nope.", code="already_shipped", title="Too late", headers={"X-A": "b"}, order_id="o"
    ),
    "postgres": asyncpg.ConnectionDoesNotExistError("secret"),
    "socket": ConnectionRefusedError("secret"),
    "bug": RuntimeError("secret"),
    "later": problems.Unavailable("Wait.", retry_after=7.4),
}


def app_of(principal: Principal | None = None) -> FastAPI:
    app = FastAPI(dependencies=[Depends(strict_query)])
    app.add_middleware(BodyLimit, max_bytes=1_000, by_path={"/bulk": 5_000})
    install(app)
    if principal is not None:
        app.dependency_overrides[current_principal] = lambda: principal

    @app.post("/basket")
    async def basket(basket: Basket, limit: Annotated[int, Query(ge=1)] = 1) -> dict[str, int]:
        return {"items": len(basket.items), "limit": limit}

    @app.post("/bulk")
    async def bulk(basket: Basket) -> dict[str, int]:
        return {"items": len(basket.items)}

    @app.get("/bulk")
    async def bulks() -> list[str]:
        return []

    @app.get("/raise/{name}")
    async def raise_it(name: str) -> None:
        raise RAISED[name]

    @app.get("/whoami")
    async def whoami(principal: CurrentPrincipal) -> str:
        return str(principal)

    @app.get("/staff")
    async def staff(operator: Operator) -> str:
        return str(operator)

    return app


def client_of(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app_of()) as made:
        yield made


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    return answer.status_code, answer.json()["code"]


async def test_a_problem_carries_its_members_and_headers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/raise/conflict")
    assert code_of(answer) == (409, "already_shipped")
    assert answer.headers["x-a"] == "b"
    assert answer.json() == {
        "type": "urn:stockroom:problem:already_shipped",
        "title": "Too late",
        "status": 409,
        "code": "already_shipped",
        "detail": "Nope.",
        "instance": "/raise/conflict",
        "order_id": "o",
    }


@pytest.mark.parametrize(("name", "server"), [("postgres", "PostgreSQL"), ("socket", "A server")])
async def test_an_away_server_is_named_and_tried_again_later(client: httpx.AsyncClient, name: str, server: str) -> None:
    answer = await client.get(f"/raise/{name}")
    assert code_of(answer) == (503, "dependency_unavailable")
    assert answer.json()["detail"].startswith(server)
    assert answer.headers["retry-after"] == "1"


async def test_retry_after_is_in_whole_seconds(client: httpx.AsyncClient) -> None:
    assert (await client.get("/raise/later")).headers["retry-after"] == "7"


async def test_a_mistake_of_ours_shows_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    assert code_of(await client.get("/raise/bug")) == (500, "internal_error")


async def test_paths_and_methods_that_do_not_exist(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nothing")
    assert code_of(answer) == (404, "not_found")
    assert answer.json()["detail"] == "There is no path '/nothing'."
    answer = await client.get("/basket")
    assert code_of(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert answer.json()["detail"] == "GET is not taken here; POST is."
    assert (await client.put("/bulk")).headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", ["/bulk", "/raise/conflict", "/raise/postgres", "/nothing", "/bulk?x=1"])
async def test_head_is_answered_as_get_is_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    assert (head.status_code, head.headers) == (got.status_code, got.headers)
    assert head.content == b""


async def test_methods_of_an_included_router_are_named_too() -> None:
    router = APIRouter(prefix="/shelves")

    @router.patch("/{name}")
    @router.get("/{name}")
    async def shelf(name: str) -> str:
        return name

    app = app_of()
    app.include_router(router)
    async with client_of(app) as client:
        answer = await client.delete("/shelves/a")
        assert code_of(answer) == (405, "method_not_allowed")
        assert answer.headers["allow"] == "GET, HEAD, PATCH"
        assert answer.json()["detail"] == "DELETE is not taken here; GET, HEAD, PATCH is."


async def test_invalid_fields_are_listed_by_json_pointer(client: httpx.AsyncClient) -> None:
    answer = await client.post("/basket?limit=0", json={"items": [{"name": "a"}, {"name": 3, "quantity": "x"}]})
    assert code_of(answer) == (422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "query/limit",
        "#/items/0/quantity",
        "#/items/1/name",
        "#/items/1/quantity",
    ]


def test_a_pointer_escapes_what_json_pointer_escapes() -> None:
    assert problems.pointer(("body", "a/b", "c~d", 0)) == "#/a~1b/c~0d/0"
    assert problems.pointer(("header", "prefer")) == "header/prefer"
    assert problems.pointer(()) == "#"


@pytest.mark.parametrize("body", [b"{", b"", b"[" * 900, b'{"items": "\xff"}'])
async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/basket", content=body, headers={"Content-Type": "application/json"})
    assert code_of(answer) in {(400, "malformed_json"), (422, "validation_failed")}
    assert (answer.status_code == 422) == (body == b"")


async def test_a_body_above_the_bound_of_its_path_is_refused(client: httpx.AsyncClient) -> None:
    body = b'{"items": []' + b" " * 2_000 + b"}"
    json = {"Content-Type": "application/json"}
    assert code_of(await client.post("/basket", content=body, headers=json)) == (413, "body_too_large")
    assert (await client.post("/bulk", content=body, headers=json)).status_code == 200
    assert code_of(await client.post("/bulk", content=body * 3, headers=json)) == (413, "body_too_large")


async def test_a_chunked_body_is_counted(client: httpx.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    answer = await client.post("/basket", content=chunks(), headers={"Content-Type": "application/json"})
    assert code_of(answer) == (413, "body_too_large")


@pytest.mark.parametrize("query", ["limt=1", "limit=1&limit=2", "limit=1&x="])
async def test_unknown_and_repeated_parameters_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.post(f"/basket?{query}", json={"items": []})
    assert code_of(answer) == (400, "unknown_parameter")
    assert answer.json()["parameter"] in query


async def test_a_request_without_parameters_does_not_wait_for_the_openapi_document() -> None:
    app = app_of()
    async with client_of(app) as client:
        assert (await client.get("/whoami")).is_success
    assert app.openapi_schema is None


async def test_a_nul_character_is_refused_in_path_and_query(client: httpx.AsyncClient) -> None:
    assert code_of(await client.get("/raise/a%00")) == (422, "validation_failed")
    assert code_of(await client.post("/basket?limit=%00", json={"items": []})) == (422, "validation_failed")


async def test_everybody_is_the_open_operator(client: httpx.AsyncClient) -> None:
    assert (await client.get("/whoami")).json() == "staff:operator"
    assert (await client.get("/staff")).json() == "staff:operator"


async def test_a_user_is_no_operator() -> None:
    async with client_of(app_of(Principal("user", "u1"))) as client:
        assert (await client.get("/whoami")).json() == "user:u1"
        assert code_of(await client.get("/staff")) == (403, "forbidden")
