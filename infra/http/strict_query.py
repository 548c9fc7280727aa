"""Refuses query parameters that a route does not know, so that a misspelt filter is not silently ignored."""

from collections import Counter

from fastapi.routing import APIRoute
from starlette.requests import Request

from infra.http.problems import BadRequest, ValidationFailed


class UnknownParameter(BadRequest):
    """A query parameter is unknown to the route, or is given more than once."""

    code, title = "unknown_parameter", "A query parameter is unknown or repeated"


_known: dict[tuple[int, str, str], frozenset[str]] = {}


async def strict_query(request: Request) -> None:
    """Dependency of every route: `FastAPI(dependencies=[Depends(strict_query)])`.

    Raises `UnknownParameter`; and `ValidationFailed` for a NUL character, which no store of ours can hold.
    """
    given = Counter(name for name, _ in request.query_params.multi_items())
    # Most requests have no query, and the first one must not wait for the document to be made: 40 ms.
    known = _parameters(request) if given else frozenset()
    for name, count in given.items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            raise UnknownParameter(f"{name!r} is not a parameter here; known are: {listed}.", parameter=name)
        if count > 1:
            raise UnknownParameter(f"{name!r} is given {count} times.", parameter=name)
    values = {**{f"query/{k}": v for k, v in request.query_params.items()}, **_path(request)}
    for where, value in values.items():
        if "\x00" in value:
            raise ValidationFailed(errors=[{"pointer": where, "detail": "A NUL character is not allowed."}])


def _path(request: Request) -> dict[str, str]:
    return {f"path/{name}": str(value) for name, value in request.path_params.items()}


def _parameters(request: Request) -> frozenset[str]:
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return frozenset()
    key = (id(request.app), route.path_format, request.method)
    if key not in _known:
        # The OpenAPI document is the one public place where FastAPI says which parameters a route takes.
        operation = request.app.openapi()["paths"].get(route.path_format, {}).get(request.method.lower(), {})
        parameters = operation.get("parameters", [])
        _known[key] = frozenset(parameter["name"] for parameter in parameters if parameter["in"] == "query")
    return _known[key]
