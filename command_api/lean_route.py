"""The short way from bytes to an endpoint and back, for commands that are sent by the thousand.

FastAPI takes 0.4 ms of processor time for a request, most of it for what a plain one does not need (ADR 7). A lean
route takes a request that has nothing odd about it. Whatever is odd (a query, a repeated header, a body that does not
fit …) it leaves to the ordinary route, unconsumed, so that there is one place which says what is wrong with a request.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, NamedTuple, get_type_hints

from fastapi import FastAPI
from pydantic import TypeAdapter
from pydantic_core import from_json
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from command_api.desk import Desk
from command_api.request import CommandRequest, request_of
from infra.http.lean_route import plain_headers, respond
from infra.http.principal import current_principal

_JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
_TOLD = (b"idempotency-key", b"if-match", b"if-none-match", b"prefer", b"consistency-token")
_READ = frozenset({b"content-type", *_TOLD})


class _Understood(NamedTuple):
    asked: CommandRequest
    desk: Desk
    values: dict[str, Any]
    """The body and what stands in the path, by the endpoint's names."""


class LeanRoute:
    """One method and path, in which segments may have names, as ``/v1/stock/{sku}/receipts``. ``endpoint`` takes those,
    ``body``, ``asked`` and ``desk``, and gives a ``Response``.

    ``ordinary`` is the app with all its middleware, where the same endpoint has its ordinary route; that one also says
    what it has to of a body above ``max_body_bytes``.
    """

    def __init__(
        self,
        app: FastAPI,
        ordinary: ASGIApp,
        method: str,
        path: str,
        endpoint: Callable[..., Awaitable[Response]],
        max_body_bytes: int,
    ) -> None:
        self._app = app
        self._ordinary = ordinary
        self._method = method
        self._route = f"{method} {path}"
        self._pattern = compile_path(path)[0]
        self._endpoint = endpoint
        self._max_body_bytes = max_body_bytes
        # Parsed first, then validated as Python values, as FastAPI does it: validate_json decides some cases otherwise.
        types = get_type_hints(endpoint, include_extras=True)
        self._validate = TypeAdapter(types["body"]).validate_python
        self._segments = {name: TypeAdapter(types[name]).validate_python for name in self._pattern.groupindex}

    def segments(self, scope: Scope) -> dict[str, str] | None:
        """What stands in the path at the places that have names; None when the request is for another route."""
        if scope["method"] != self._method or (found := self._pattern.match(scope["path"])) is None:
            return None
        return found.groupdict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send, segments: Mapping[str, str]) -> None:
        """One request (ASGI), whose path has these segments."""
        headers = _plain(scope)
        if headers is None or self._app.dependency_overrides:
            await self._ordinary(scope, receive, send)
            return
        messages = await self._body(receive)
        understood = await self._understand(headers, messages, scope, segments)
        if understood is None:
            await self._ordinary(scope, _again(messages, receive), send)
            return
        asked, desk, values = understood
        answering = self._endpoint(asked=asked, desk=desk, **values)
        await respond(self._app, answering, scope, _again(messages, receive), send)

    async def _body(self, receive: Receive) -> list[Message]:
        """The messages up to the end of the body, or to where it is too large."""
        messages = [await receive()]
        size = 0
        while messages[-1].get("more_body") and size <= self._max_body_bytes:
            size += len(messages[-1]["body"])
            messages.append(await receive())
        return messages

    async def _understand(
        self, headers: dict[bytes, bytes], messages: list[Message], scope: Scope, segments: Mapping[str, str]
    ) -> _Understood | None:
        """What the endpoint takes; None when the ordinary route has to say what is wrong."""
        desk: Desk | None = getattr(self._app.state, "desk", None)
        last = messages[-1]
        if desk is None or last["type"] != "http.request" or last.get("more_body"):
            return None
        raw = last["body"] if len(messages) == 1 else b"".join(message["body"] for message in messages)
        if len(raw) > self._max_body_bytes:
            return None
        told = [headers[name].decode("latin-1") if name in headers else None for name in _TOLD]
        try:
            asked = request_of(await current_principal(), self._route, scope, *told)
            values = {name: self._segments[name](value) for name, value in segments.items()}
            return _Understood(asked, desk, {"body": self._validate(from_json(raw)), **values})
        except Exception:
            return None


def _plain(scope: Scope) -> dict[bytes, bytes] | None:
    """The headers that are read; None when the request is not a plain one with a JSON body."""
    found = None if scope["query_string"] else plain_headers(scope, _READ)
    return found if found is not None and found.get(b"content-type") in _JSON else None


def _again(messages: Iterable[Message], receive: Receive) -> Receive:
    """``receive`` that gives ``messages`` once more and then goes on."""
    first = iter(messages)

    async def again() -> Message:
        return next(first, None) or await receive()

    return again
