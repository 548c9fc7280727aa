"""Parts of a process that run until it ends."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class EndedUnasked(Exception):
    """A part of a process ended by a cancellation that nobody asked for."""


async def until_cancelled(part: Coroutine[Any, Any, object]) -> None:
    """Run a part of a ``TaskGroup`` that should go on until the group is cancelled, or that ends by itself.

    Raises what it raises, and ``EndedUnasked`` for a cancellation from within, which the group would take for an end
    in order: nothing would tell that the part is gone.
    """
    try:
        await part
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            raise EndedUnasked(f"{getattr(part, '__qualname__', part)} was cancelled from within") from error
        raise
