"""The door of the command API: a bound on the requests under way, and a short way for the busiest commands."""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from command_api.group.bulk_forwarding import BULK_PATH
from command_api.lean_route import LeanRoute
from command_api.refusals import Overloaded
from command_api.slots import Slots

MOST_BULKS = 256
"""Bulks have slots of their own: what policies send settles the orders that clients wait for with theirs."""
ALWAYS_ANSWERED = frozenset({"/health", "/ready", "/routing"})
"""Paths by which an operator looks, also when all else is refused."""


class CommandApp(FastAPI):
    """FastAPI with a door in front of its middleware.

    Above ``max_requests`` under way a request is answered 503 ``overloaded`` at once, before its body is looked at;
    those that only wait, by ``stepped_aside``, are not counted, and bulks for themselves. What is sent to a lean route
    takes that one, everything else (also a body above ``max_body_bytes``) the middleware and the router.
    """

    def __init__(self, *, max_requests: int, max_body_bytes: int, **described: Any) -> None:
        super().__init__(**described)
        self._max_body_bytes = max_body_bytes
        self._slots = Slots(max_requests)
        self._bulks = Slots(MOST_BULKS)
        self._lean: list[LeanRoute] = []

    def lean(self, method: str, path: str, endpoint: Callable[..., Awaitable[Any]]) -> None:
        """Give ``endpoint``, which is routed at exactly this method and path as ever, a lean route beside it."""
        self._lean.append(LeanRoute(self, super().__call__, method, path, endpoint, self._max_body_bytes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http" or scope["path"] in ALWAYS_ANSWERED:
            await super().__call__(scope, receive, send)
            return
        slots = self._bulks if scope["path"] == BULK_PATH else self._slots
        if slots.full:
            await Overloaded(f"{slots.most} requests are under way.").response(scope["path"])(scope, receive, send)
            return
        slots.take(scope)
        try:
            for lean in self._lean:
                if (segments := lean.segments(scope)) is not None:
                    await lean(scope, receive, send, segments)
                    return
            await super().__call__(scope, receive, send)
        finally:
            slots.give_back()
