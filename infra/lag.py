"""How far a reader is behind the end of a partition, as every process tells it."""

import time
from typing import Any


def partition_lag(partition: int, next_offset: int, end: int | None, since: float | None, void: int) -> dict[str, Any]:
    """A partition as JSON: where it is read on, its end, events between them, and their age in seconds.

    ``since`` is the time in seconds from which on the first of them waits, None where nobody knows: then their age is
    not known either. Without an ``end`` the lag is not known.
    """
    lag = None if end is None else max(0, end - next_offset)
    seconds = None if lag is None else 0.0
    if lag:
        seconds = None if since is None else round(max(0.0, time.time() - since), 3)
    return {
        "partition": partition,
        "next_offset": next_offset,
        "end": end,
        "lag_events": lag,
        "lag_seconds": seconds,
        "void": void,
    }
