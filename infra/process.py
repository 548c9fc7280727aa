"""How every process starts and ends: log lines, limits, garbage collection and event loop alike, in one place."""

import gc
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from infra.http.port_taken import PortTaken
from infra.logs import configure_logging
from infra.open_files import allow_open_files
from infra.settings import Settings, settings

READING = (100_000, 20, 100)
"""Thresholds of garbage collection, after how many new objects and collections each generation is looked through, for a
process that nobody waits for and that handles the log in large batches: seldom, at 50 to 300 ms each time."""
FILLING = (10_000_000, 10, 10)
"""Those for a rebuild, which holds the million objects of a chunk at once and frees them without help: hardly ever.
With ``READING`` it looked through them ten times a chunk, a third of its time (docs/adr/0015-bulk-fill.md)."""
ANSWERING = (1_000, 5, 5_000)
"""Those for a process that somebody waits for, be it for an answer or for a read model: often, 0.4 to 2 ms each; all
objects only after 25 million new ones. Python's default looks through all of them far too often, since every record of
the log brings a score of header tuples (docs/adr/0004-garbage-collection.md)."""


def run_process(
    main: Callable[[Settings], Coroutine[Any, Any, Any]],
    collecting: tuple[int, int, int] = ANSWERING,
    logging: Callable[[str], None] = configure_logging,
) -> None:
    """Run a process's main coroutine to its end on uvloop, with ``logging`` set up at the level of the settings.
    ``collecting`` are the thresholds of garbage collection.

    Ends with exit code 1 and a line on standard error when its port is taken.
    """
    logging(settings().log_level)
    allow_open_files()
    gc.freeze()  # what imports have made stays, and need not be looked through
    gc.set_threshold(*collecting)
    gc.enable()
    try:
        uvloop.run(main(settings()))
    except PortTaken as taken:
        sys.exit(str(taken))
    except BaseExceptionGroup as several:
        taken_port = several.subgroup(PortTaken)
        if taken_port is None:
            raise
        sys.exit(str(taken_port.exceptions[0]))
