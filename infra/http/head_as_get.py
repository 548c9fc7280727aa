"""Answers HEAD wherever GET is answered, with the same headers and without the body (RFC 9110, 9.3.2)."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """ASGI middleware: FastAPI's routes take GET alone. The server leaves the body of an answer to HEAD away by itself.

    Where a 405 names GET as allowed, HEAD is too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: D102 (ASGI)
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def allowing(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 405:
                headers = MutableHeaders(raw=message["headers"])
                allowed = set(headers["Allow"].split(", "))
                headers["Allow"] = ", ".join(sorted(allowed | {"HEAD"} if "GET" in allowed else allowed))
            await send(message)

        await self._app({**scope, "method": "GET"} if scope["method"] == "HEAD" else scope, receive, allowing)
