"""Whether the client of a request has closed its connection, told at once. ASGI itself tells only who waits for it.

Our server puts it into the scope as an extension (ASGI specification, "Extensions"); without our server nobody is gone.
"""

from collections.abc import Callable

from starlette.types import Scope

CLIENT_GONE = "stockroom.client_gone"
"""Name of the extension; under ``told`` it has a function without parameters that gives a bool."""

ClientGone = Callable[[], bool]


def client_gone(scope: Scope) -> ClientGone:
    """A function that says whether the client of this request has left."""
    told: ClientGone = scope.get("extensions", {}).get(CLIENT_GONE, {}).get("told", nobody)
    return told


def nobody() -> bool:
    """Of who has no connection, such as a timer: it never leaves."""
    return False
