"""The short way from a plain request to an endpoint and back, past middleware, routing and dependencies (ADR 7, 17).

Both APIs have lean routes beside the ordinary ones of their busiest endpoints, each with its own idea of what is plain.
What is odd about a request is left to the ordinary route, so that there is one place which says what is wrong with it.
"""

from collections.abc import Awaitable, Container

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ODD = frozenset({b"expect", b"content-encoding"})
"""Headers with which no request is plain."""


def plain_headers(scope: Scope, read: Container[bytes], odd: Container[bytes] = ODD) -> dict[bytes, bytes] | None:
    """The headers of ``read`` that a request has; None when one of them is repeated, or one of ``odd`` is there."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in read:
            if name in found:
                return None
            found[name] = value
        elif name in odd:
            return None
    return found


async def respond(app: FastAPI, answering: Awaitable[Response], scope: Scope, receive: Receive, send: Send) -> None:
    """Send what an endpoint answers; what it raises goes to the exception handlers of ``app``, as on the ordinary
    route. ``receive`` gives the whole request once more, for a handler that sends it on."""
    try:
        response = await answering
    except Exception as error:
        await _refuse(app, error, scope, receive, send)
    else:
        await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
        await send({"type": "http.response.body", "body": response.body})


async def _refuse(app: FastAPI, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    scope["app"] = app
    handlers = app.exception_handlers
    kind = next(kind for kind in type(error).__mro__ if kind in handlers)
    told = handlers[kind](Request(scope, receive, send), error)
    response = told if isinstance(told, Response) else await told
    await response(scope, receive, send)
    if kind is Exception:
        raise error  # nobody foresaw it: the server logs it
