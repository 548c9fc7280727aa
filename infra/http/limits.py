"""Bounds the size of request bodies, by Content-Length at once and by counting when it is chunked or lies."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.http.problems import BodyTooLarge


class BodyLimit:
    """ASGI middleware: a body above its path's bound is answered 413 `body_too_large`.

    The connection stays open and the server discards the rest, so that the client can read the answer.

    `max_bytes` holds for every path, `by_path` (exact path to bytes) instead of it where it names one.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, by_path: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._by_path = dict(by_path or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bound = self._by_path.get(scope["path"], self._max_bytes)
        detail = f"A body may have {bound} bytes here."
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > bound:
            await BodyTooLarge(detail).response(scope["path"])(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > bound:
                # FastAPI lets only an HTTPException through while it reads a body; `problems` gives it our shape.
                raise HTTPException(413, detail)
            return message

        await self._app(scope, counted, send)
