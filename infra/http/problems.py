"""The one shape of errors over HTTP: RFC 9457 problem+json with a stable `code`. A process adds its own leaves.

    Problem                        status, code, title; detail, members and headers per case
    ├── BadRequest                 400
    │   ├── MalformedJson          400 malformed_json
    │   ├── UnknownParameter       400 unknown_parameter        (strict_query.py)
    │   └── consistency tokens     400 ..._consistency_token    (consistency_token.py)
    ├── Forbidden                  403 forbidden
    ├── NotFound                   404 not_found
    ├── MethodNotAllowed           405 method_not_allowed
    ├── RequestTooSlow             408 request_timeout          (protocol.py)
    ├── Conflict                   409
    ├── BodyTooLarge               413 body_too_large           (limits.py)
    ├── body types                 415 unsupported_...          (body_type.py)
    ├── ValidationFailed           422 validation_failed
    ├── HeadTooLarge               431 head_too_large           (protocol.py)
    ├── InternalError              500 internal_error
    └── Unavailable                503, with Retry-After
        └── DependencyUnavailable  503 dependency_unavailable

What an endpoint does not catch ends here too: `install` turns it into one of these and shows nothing of the inside.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from infra.http.away import AWAY
from infra.http.problem_schema import MEDIA_TYPE, describe_problems


class Problem(Exception):
    """An error as the client sees it. Subclasses fix `status`, `code` and `title`; each may be given per case too.

    `detail` says what was wrong with this request; `members` are further fields of the body; `headers` go beside it.
    """

    status: int = 500
    code: str = "internal_error"
    title: str = "Something went wrong here"

    def __init__(
        self,
        detail: str = "",
        *,
        status: int | None = None,
        code: str | None = None,
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status or self.status
        self.code = code or self.code
        self.title = title or self.title
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = members

    def body(self, instance: str | None = None) -> dict[str, Any]:
        """The problem details object; `instance` is the path of the request."""
        body: dict[str, Any] = {
            "type": f"urn:stockroom:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
        }
        if self.detail:
            body["detail"] = self.detail
        if instance:
            body["instance"] = instance
        return {**body, **self.members}

    def response(self, instance: str | None = None) -> Response:
        """The answer that says it."""
        return JSONResponse(self.body(instance), self.status, self.headers, MEDIA_TYPE)


class BadRequest(Problem):
    """The request cannot be understood; sent again as it is, it will fail again."""

    status, code, title = 400, "bad_request", "The request cannot be understood"


class MalformedJson(BadRequest):
    """The body is not JSON."""

    code, title = "malformed_json", "The body is not JSON"


class Forbidden(Problem):
    """The principal may not do this."""

    status, code, title = 403, "forbidden", "This is not allowed"


class NotFound(Problem):
    """There is no such thing, or no such path."""

    status, code, title = 404, "not_found", "There is no such thing"


class MethodNotAllowed(Problem):
    """The path exists, the method does not; `Allow` names those that do."""

    status, code, title = 405, "method_not_allowed", "The path does not have this method"


class Conflict(Problem):
    """What is asked does not fit the state that things are in."""

    status, code, title = 409, "conflict", "This does not fit the present state"


class BodyTooLarge(Problem):
    """The body is larger than this path takes."""

    status, code, title = 413, "body_too_large", "The body is too large"


class ValidationFailed(Problem):
    """Fields are missing, unknown or out of range; `errors` lists `{pointer, detail}` for each."""

    status, code, title = 422, "validation_failed", "Some values do not fit"


class InternalError(Problem):
    """A mistake of ours. The cause is in the log of the process, not in the answer."""


class Unavailable(Problem):
    """It cannot be done now; the same request may succeed later. `retry_after` is in seconds, rounded up to 1."""

    status, code, title = 503, "unavailable", "Not available at the moment"
    retry_after: ClassVar[int] = 1

    def __init__(self, detail: str = "", *, retry_after: float | None = None, **rest: Any) -> None:
        seconds = max(1, round(self.retry_after if retry_after is None else retry_after))
        super().__init__(detail, headers={"Retry-After": str(seconds), **(rest.pop("headers", None) or {})}, **rest)


class DependencyUnavailable(Unavailable):
    """A server that this process needs does not answer. The process goes on trying by itself."""

    code, title = "dependency_unavailable", "A server that is needed does not answer"


_BY_STATUS: dict[int, type[Problem]] = {
    400: MalformedJson,  # FastAPI raises it only for a body that it cannot parse
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    503: Unavailable,
}


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem: ours, FastAPI's, Starlette's, an away server's, an unforeseen one's.

    An unforeseen exception is answered 500 `internal_error` and then goes on to the server, which logs it.
    The OpenAPI document gets the schema of a problem's body.
    """
    describe_problems(app)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    for away in AWAY:
        app.add_exception_handler(away, _away)


def pointer(location: tuple[str | int, ...]) -> str:
    """Where a value stands: a JSON pointer `#/items/0/quantity` into the body, else `query/limit`, `path/sku` …"""
    where, *rest = location or ("body",)
    if where == "body":
        return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in rest)
    return "/".join(str(part) for part in location)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response(request.scope["path"])


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(item["type"] == "json_invalid" for item in found):
        detail = next(str(item.get("ctx", {}).get("error", "")) for item in found if item["type"] == "json_invalid")
        return MalformedJson(detail).response(request.scope["path"])
    places = [tuple(item["loc"]) for item in found]
    errors = [
        {"pointer": pointer(place), "detail": item["msg"]}
        for place, item in zip(places, found, strict=True)
        # Pydantic counts only the items that fit: a list with a bad one is not shorter for it.
        if item["type"] != "too_short" or not any(place == other[: len(place)] != other for other in places)
    ]
    detail = f"{errors[0]['pointer']}: {errors[0]['detail']}" if errors else ""
    return ValidationFailed(detail, errors=errors).response(request.scope["path"])


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = _BY_STATUS.get(error.status_code)
    phrase = HTTPStatus(error.status_code).phrase
    if known is MethodNotAllowed:
        error.headers = {**(error.headers or {}), "Allow": _methods(request)}
    detail = _told_by_router(request, error) if error.detail == phrase else str(error.detail)
    if known is not None:
        problem = known(detail, headers=error.headers)
    else:
        code = phrase.lower().replace(" ", "_").replace("-", "_")
        problem = Problem(detail, status=error.status_code, code=code, title=phrase, headers=error.headers)
    return problem.response(request.scope["path"])


def _methods(request: Request) -> str:
    """What all routes of the path take together: the router tells of the first one alone (RFC 9110 section 10.2.1)."""
    routes = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in routes for method in getattr(route, "methods", None) or ()}))


def _told_by_router(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is no path {request.scope['path'][:200]!r}."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not taken here; {(error.headers or {}).get('Allow') or 'nothing'} is."
    return ""


async def _away(request: Request, error: Exception) -> Response:
    name = next((server for kind, server in AWAY.items() if isinstance(error, kind)), "A server")
    return DependencyUnavailable(f"{name} does not answer; it is tried again by itself.").response(
        request.scope["path"]
    )


async def _unforeseen(request: Request, error: Exception) -> Response:
    return InternalError().response(request.scope["path"])
