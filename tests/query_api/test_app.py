"""The app as a whole: one shape of errors on every path, and an OpenAPI document with examples."""

import asyncio

import httpx
import pytest

from infra.http.serve import serve
from infra.settings import Settings
from query_api.app import create_app
from query_api.sources import Sources
from tests.support.running import running


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/v1/products/", 404, "not_found"),
        ("POST", "/v1/products", 405, "method_not_allowed"),
        ("GET", "/v1/products?x=1", 400, "unknown_parameter"),
        ("GET", "/health?x=1", 400, "unknown_parameter"),
        ("GET", "/v1/orders/a%00b", 422, "validation_failed"),
        ("GET", "/v1/stock/%00", 422, "validation_failed"),
    ],
)
async def test_every_error_has_the_one_shape(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "code", "instance"} <= set(body)
    assert (body["status"], body["code"]) == (status, code)


@pytest.mark.parametrize(
    "path",
    ["/v1/orders/o05", "/v1/orders/none", "/v1/products/p-22423", "/v1/stock/85123A", "/v1/top-sellers", "/v1/events",
     "/v1/why/o05", "/v1/products?x=1", "/health", "/metrics"],
)  # fmt: skip
async def test_head_is_answered_as_get_is_without_a_body(client: httpx.AsyncClient, path: str) -> None:
    got, head = await client.get(path), await client.head(path)
    names = ("content-type", "content-length", "etag")
    assert head.status_code == got.status_code
    if path != "/metrics":  # its ages move on
        assert [head.headers.get(name) for name in names] == [got.headers.get(name) for name in names]
    assert head.content == b""


async def test_where_another_method_is_refused_head_is_among_those_that_are_named(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/products")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_over_a_connection_head_leaves_the_body_away_and_the_next_request_is_answered(
    own_settings: Settings, sources: Sources
) -> None:
    port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    served = serve(create_app(own_settings, sources), "127.0.0.1", 0, asyncio.Event(), listening=port.set_result)
    async with running(served), httpx.AsyncClient(base_url=f"http://127.0.0.1:{await port}") as client:
        head = await client.head("/v1/orders/o05")
        got = await client.get("/v1/orders/o05")
        assert (head.content, head.headers["etag"]) == (b"", got.headers["etag"])
        assert head.headers["content-length"] == str(len(got.content))


async def test_openapi_describes_every_error_as_a_problem(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"400", "404", "422", "503"} <= set(operation["responses"]), path
            errors = {int(status): answer for status, answer in operation["responses"].items() if int(status) >= 400}
            for answer in errors.values():
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ProblemBody"}
    schemas = document["components"]["schemas"]
    assert {"type", "title", "status", "code"} == set(schemas["ProblemBody"]["required"])
    assert "WrongValue" in schemas
    assert "HTTPValidationError" not in schemas


async def test_openapi_names_every_path_with_a_description(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert "/v1/orders/{order_id}/timeline" in document["paths"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation.get("description"), path
    assert document["components"]["schemas"]["Product"]["examples"][0]["sku"]
