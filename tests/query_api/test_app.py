"""The app as a whole: one shape of errors on every path, and an OpenAPI document with examples."""

import httpx
import pytest


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
