"""One supervisor per home, by a lock file."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from infra.launcher.home import Home


class AlreadyRunning(Exception):
    """Another supervisor has this home."""


@contextmanager
def only_one(home: Home) -> Iterator[None]:
    """Holds the lock of the home for a block. Raises `AlreadyRunning`."""
    home.run.mkdir(parents=True, exist_ok=True)
    with (home.run / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning from error
        yield
