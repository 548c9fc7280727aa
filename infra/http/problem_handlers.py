"""What holds for every endpoint of every process: HEAD is answered where GET is, and what an endpoint does not catch is
answered as a problem, and shows nothing of the inside.
"""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from infra.away import NAMED, cut_off
from infra.http.head_as_get import HeadAsGet
from infra.http.problem_schema import describe_problems
from infra.http.problems import (
    BodyTooLarge,
    DependencyUnavailable,
    Forbidden,
    InternalError,
    MalformedJson,
    MethodNotAllowed,
    NotFound,
    Problem,
    Unavailable,
    ValidationFailed,
    pointer,
)

_BY_STATUS: dict[int, type[Problem]] = {
    400: MalformedJson,  # FastAPI raises it only for a body that it cannot parse
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    503: Unavailable,
}
METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")
"""Those that a route may have; one that has GET has HEAD too."""


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem: ours, FastAPI's, Starlette's, an away server's, an unforeseen one's.

    An unforeseen exception is answered 500 `internal_error`, one that tells of a lost connection 503
    `dependency_unavailable`, and then goes on to the server, which logs it.
    The OpenAPI document gets the schema of a problem's body. Where `app` answers GET it answers HEAD, see `HeadAsGet`.
    """
    app.add_middleware(HeadAsGet)
    describe_problems(app)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    for away in NAMED:
        app.add_exception_handler(away, _away)


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
        {"pointer": pointer(place), "detail": item["msg"].removeprefix("Value error, ")}
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
    """What all routes of the path take together: the router tells of the first one alone (RFC 9110 section 10.2.1).

    Included routers do not tell their methods, so each method is tried.
    """
    scopes = {method: {**request.scope, "method": method} for method in METHODS}
    routes = request.app.routes
    taken = {name for name, scope in scopes.items() if any(r.matches(scope)[0] is Match.FULL for r in routes)}
    return ", ".join(sorted(taken | {"HEAD"} if "GET" in taken else taken))


def _told_by_router(request: Request, error: HTTPException) -> str:
    if error.status_code == HTTPStatus.NOT_FOUND:
        return f"There is no path {request.scope['path'][:200]!r}."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not taken here; {(error.headers or {}).get('Allow') or 'nothing'} is."
    return ""


async def _away(request: Request, error: Exception) -> Response:
    name = next((server for kind, server in NAMED.items() if isinstance(error, kind)), "PostgreSQL")
    return DependencyUnavailable(f"{name} does not answer; it is tried again by itself.").response(
        request.scope["path"]
    )


async def _unforeseen(request: Request, error: Exception) -> Response:
    return await _away(request, error) if cut_off(error) else InternalError().response(request.scope["path"])
