"""What comes through an app's middleware."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Passing:
    """Middleware that notes what comes through it; a lean route goes past it."""

    def __init__(self, app: ASGIApp, seen: list[str]) -> None:
        self._app, self._seen = app, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._seen.append(scope["path"])
        await self._app(scope, receive, send)
