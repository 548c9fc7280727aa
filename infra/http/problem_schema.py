"""How the errors of `problems.py` stand in an OpenAPI document: the schema of their body, and who may answer it."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from infra.http.problems import MEDIA_TYPE


class WrongValue(BaseModel):
    """One value that does not fit."""

    pointer: str = Field(description="Where it stands: `#/items/0/quantity` in the body, else `query/limit`.")
    detail: str


class ProblemBody(BaseModel):
    """RFC 9457 problem details. `code` is stable; a problem may have further members of its own."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:stockroom:problem:order_not_found",
                    "title": "There is no such order",
                    "status": 404,
                    "code": "order_not_found",
                    "detail": "No order has the id 'o-17'.",
                    "instance": "/v1/orders/o-17",
                }
            ]
        },
    )

    type: str = Field(description="`urn:stockroom:problem:` and the code.")
    title: str = Field(description="What the code means.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    code: str = Field(description="By which a client tells problems apart.")
    detail: str = Field(default="", description="What was wrong with this request.")
    instance: str = Field(default="", description="The path of the request.")
    errors: list[WrongValue] = Field(default=[], description="Of `validation_failed`: each value that does not fit.")


_REFERENCE = "#/components/schemas/{model}"
_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model=ProblemBody.__name__)}}}
_RETRY_AFTER = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
_ETAG = {"ETag": {"description": "The version of what refused, if there is one.", "schema": {"type": "string"}}}
_IN_PROGRESS = {"Retry-After": {"description": "Of `request_in_progress`, in seconds.", "schema": {"type": "integer"}}}

PROBLEM_RESPONSES: Mapping[int, dict[str, Any]] = {
    400: {"description": "The request cannot be understood.", "content": _CONTENT},
    404: {"description": "There is no such thing.", "content": _CONTENT},
    408: {"description": "The request took too long to arrive.", "content": _CONTENT},
    409: {
        "description": "This does not fit the present state.",
        "headers": {**_ETAG, **_IN_PROGRESS},
        "content": _CONTENT,
    },
    412: {"description": "If-Match or If-None-Match does not hold.", "headers": _ETAG, "content": _CONTENT},
    413: {"description": "The body is too large.", "content": _CONTENT},
    415: {"description": "The body is not of a type that is taken here.", "content": _CONTENT},
    422: {"description": "Some values do not fit; `errors` lists them.", "content": _CONTENT},
    431: {"description": "The headers are too large.", "content": _CONTENT},
    503: {"description": "Not available at the moment.", "headers": _RETRY_AFTER, "content": _CONTENT},
}
"""What a route may answer beside its success, by status: for ``FastAPI(responses=...)``, all of it or a part."""


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The part of `PROBLEM_RESPONSES` for these statuses, all of them when none is given."""
    return {status: PROBLEM_RESPONSES[status] for status in statuses or PROBLEM_RESPONSES}


def describe_problems(app: FastAPI) -> None:
    """Add the schema that `PROBLEM_RESPONSES` refers to to the OpenAPI document of `app`.

    FastAPI itself adds the models of responses in `application/json` only.
    """
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if ProblemBody.__name__ not in schemas:
            schema = ProblemBody.model_json_schema(ref_template=_REFERENCE)
            schemas.update(schema.pop("$defs"))
            schemas[ProblemBody.__name__] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]
