"""The app of the query API with a short way past FastAPI for the busiest queries (`infra/http/lean_route.py`)."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from infra.http.lean_route import ODD, plain_headers, respond
from query_api.sources import Sources, wait_applied

_TOKEN, _PREFER = b"consistency-token", b"prefer"
_READ = frozenset({_TOKEN, _PREFER})
_ODD = ODD | {b"content-length", b"transfer-encoding"}

Answering = Callable[[Sources, bool], Awaitable[Response]]
"""Takes the sources, and whether the client has brought a Consistency-Token."""
Understand = Callable[[str, dict[str, str]], Answering | None]
"""Takes what follows a route's path, and the query; gives None when the ordinary route has to look at them."""


def json(content: dict[str, Any], **headers: str) -> Response:
    """An answer of 200 that passes no response model: what stands in `content`, in its order."""
    return Response(orjson.dumps(content, option=orjson.OPT_UTC_Z), headers=headers, media_type="application/json")


class _Lean(NamedTuple):
    names: tuple[str, ...]
    understand: Understand


class QueryApp(FastAPI):
    """FastAPI with lean routes in front of its middleware. Needs `state.sources`."""

    def __init__(self, **described: Any) -> None:
        super().__init__(**described)
        self._lean: dict[str, _Lean] = {}

    def lean(self, path: str, names: tuple[str, ...], understand: Understand) -> None:
        """Give the GET route of `path`, which the read models `names` serve, a lean route beside it.

        A path that ends with a slash goes on with one segment more.
        """
        self._lean[path] = _Lean(names, understand)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        answering = self._plainly(scope) if scope["type"] == "http" else None
        if answering is None:
            await super().__call__(scope, receive, send)
        else:
            await respond(self, answering, scope, receive, send)

    def _plainly(self, scope: Scope) -> Awaitable[Response] | None:
        """The answer to a plain request of a lean route, None for any other."""
        path = scope["path"]
        lean, rest = self._lean.get(path), ""
        if lean is None:
            head, slash, rest = path.rpartition("/")
            lean = self._lean.get(head + slash)
        # FastAPI's patterns match a path with a line feed behind it too, and a NUL is refused there.
        if lean is None or scope["method"] != "GET" or self.dependency_overrides or not path.isprintable():
            return None
        headers = plain_headers(scope, _READ, _ODD)
        if headers is None:
            return None
        given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query = dict(given)
        understood = lean.understand(rest, query) if len(query) == len(given) else None
        if understood is None:
            return None
        tokens, prefer = (headers[name].decode("latin-1") if name in headers else None for name in (_TOKEN, _PREFER))
        return self._answer(lean.names, understood, tokens, prefer)

    async def _answer(
        self, names: tuple[str, ...], answering: Answering, tokens: str | None, prefer: str | None
    ) -> Response:
        sources: Sources = self.state.sources
        await wait_applied(sources, names, tokens, prefer)
        return await answering(sources, tokens is not None)
