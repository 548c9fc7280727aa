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

What an endpoint does not catch becomes one of these too, see `problem_handlers.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"


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


def pointer(location: tuple[str | int, ...]) -> str:
    """Where a value stands: a JSON pointer `#/items/0/quantity` into the body, else `query/limit`, `path/sku` …"""
    where, *rest = location or ("body",)
    if where == "body":
        return "#" + "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in rest)
    return "/".join(str(part) for part in location)
