"""The document that describes the interface."""

import httpx
import pytest


async def test_every_error_is_described_as_a_problem(api: httpx.AsyncClient) -> None:
    described = (await api.get("/openapi.json")).json()
    reference = {"schema": {"$ref": "#/components/schemas/ProblemBody"}}
    for path, operations in described["paths"].items():
        for operation in operations.values():
            statuses = {int(status) for status in operation["responses"] if int(status) >= 400}
            if path in ("/health", "/ready", "/routing"):
                assert statuses - {503} == {400, 408, 431}, path
            elif path == "/v1/bulk":
                assert statuses == {400, 408, 413, 415, 431, 503}
            else:
                assert statuses == {400, 404, 408, 409, 412, 413, 415, 422, 431, 503}, path
            for status in statuses - ({503} if path == "/ready" else set()):
                assert operation["responses"][str(status)]["content"] == {"application/problem+json": reference}, path
    assert "code" in described["components"]["schemas"]["ProblemBody"]["required"]
    assert "HTTPValidationError" not in described["components"]["schemas"]


async def test_the_interface_is_described_with_examples(api: httpx.AsyncClient) -> None:
    described = (await api.get("/openapi.json")).json()
    assert {"/v1/products", "/v1/orders", "/v1/bulk", "/v1/stock/{sku}/receipts"} <= set(described["paths"])
    schemas = described["components"]["schemas"]
    assert all(schemas[name]["examples"] for name in ("NewProduct", "NewOrder", "Receipt", "Count", "Adjustment"))


@pytest.mark.parametrize("path", ["/health", "/ready", "/routing", "/openapi.json", "/health?x=1", "/v1/nothing"])
async def test_head_is_answered_as_get_is_without_a_body(api: httpx.AsyncClient, path: str) -> None:
    got, head = await api.get(path), await api.head(path)
    names = ("content-type", "content-length")
    assert (head.status_code, *map(head.headers.get, names)) == (got.status_code, *map(got.headers.get, names))
    assert head.content == b""


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("HEAD", "/v1/orders", "POST"), ("HEAD", "/v1/bulk", "POST"), ("POST", "/routing", "GET, HEAD")],
)
async def test_where_a_method_is_refused_head_is_named_with_get_and_only_there(
    api: httpx.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await api.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
