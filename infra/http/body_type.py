"""Refuses a body of another media type than the path takes, and one that is compressed, before it is looked at."""

from collections.abc import Callable, Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from infra.http.header_lines import joined
from infra.http.problems import Problem

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class UnsupportedMediaType(Problem):
    """Content-Type is missing, or is not what the path takes; `Accept` names that (RFC 9110, 15.5.16)."""

    status, code, title = 415, "unsupported_media_type", "The body is not of a type that is taken here"


class UnsupportedContentEncoding(Problem):
    """The body is compressed; bodies are taken as they are."""

    status, code, title = 415, "unsupported_content_encoding", "A compressed body is not taken"


def is_json(media_type: str) -> bool:
    """Whether it is JSON or, with a suffix of that name, a relative of it (RFC 6839)."""
    kind, _, subtype = media_type.partition("/")
    return kind == "application" and (subtype == "json" or subtype.endswith("+json"))


class BodyType:
    """ASGI middleware: a body that a path does not take is answered 415. Requests without a body pass.

    `by_path` names the media types of the paths that do not take JSON, the best one first.
    """

    def __init__(self, app: ASGIApp, by_path: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._app = app
        self._by_path = dict(by_path or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] == "http" and scope["method"] in WITH_BODY:
            headers = Headers(scope=scope)
            if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
                problem = self._wrong(headers, self._by_path.get(scope["path"]))
                if problem is not None:
                    await problem.response(scope["path"])(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _wrong(self, headers: Headers, types: tuple[str, ...] | None) -> Problem | None:
        encoding = joined(headers, "content-encoding")
        if encoding is not None and encoding.strip().lower() != "identity":
            detail = f"Content-Encoding is {encoding[:100]!r}; only bodies without one are taken."
            return UnsupportedContentEncoding(detail, headers={"Accept-Encoding": "identity"})
        given = joined(headers, "content-type")
        media_type = (given or "").partition(";")[0].strip().lower()
        taken: Callable[[str], bool] = is_json if types is None else types.__contains__
        lines = headers.getlist("content-type")
        if len(lines) == 1 and taken(media_type):
            return None
        wanted = "application/json" if types is None else types[0]
        told = "is missing" if given is None else f"is {given[:100]!r}"
        return UnsupportedMediaType(f"Content-Type {told}; it must be {wanted}.", headers={"Accept": wanted})
