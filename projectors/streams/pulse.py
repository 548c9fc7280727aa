"""Notices that the whole process stood still, as under SIGSTOP or on a machine that slept, however busy it is else."""

import threading
import time

BEAT_SECONDS = 0.5


class Paused(Exception):
    """The process stood still for so long that another worker may have its partitions: it must write no more."""


class Pulse:
    """A thread that looks at the clock. A pause of more than `seconds` is never forgotten."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()
        self._longest = 0.0
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()

    def check(self) -> None:
        """Raises `Paused` when there was a pause, also one that ends just now."""
        longest = max(self._longest, time.monotonic() - self._last)
        if longest > self._seconds:
            raise Paused(f"stood still for {longest:.1f} s")

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT_SECONDS)
            now = time.monotonic()
            self._longest = max(self._longest, now - self._last)
            self._last = now
