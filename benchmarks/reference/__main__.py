"""The reference's process: `python -m benchmarks.reference RUN`. Takes a run and writes what it measured, as JSON."""

import gc
import sys
import threading
import time
from array import array
from datetime import UTC, datetime
from typing import cast

from eventsourcing.postgres import PostgresApplicationRecorder

from benchmarks.load.measured import percentiles
from benchmarks.reference.environment import environment
from benchmarks.reference.order import Order, Orders, new_order
from benchmarks.reference.saved import Run, Saved
from infra.process import READING

SHOWN = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_level", "shared_buffers")
ORDERS_A_THREAD = 1_000_000_000
"""Numbers of one thread's orders lie in a range of their own."""


def run(wanted: Run) -> Saved:
    """Carry the run out. Raises the first error of any thread."""
    app = Orders(environment(wanted.dsn, threads=wanted.threads, functions=wanted.functions))
    try:
        since = time.perf_counter() + wanted.warm_up_seconds
        until = since + wanted.seconds
        savers = [_Saver(app, number, since, until) for number in range(wanted.threads)]
        for saver in savers:
            saver.start()
        for saver in savers:
            saver.join()
        if errors := [saver.error for saver in savers if saver.error is not None]:
            raise errors[0]
        durations = array("d")
        for saver in savers:
            durations.extend(saver.durations)
        server = _shown(app)
        return Saved(wanted.threads, wanted.functions, wanted.seconds, len(durations), percentiles(durations), server)
    finally:
        app.close()


class _Saver(threading.Thread):
    """Places and saves one order after another."""

    def __init__(self, app: Orders, number: int, since: float, until: float) -> None:
        super().__init__(name=f"saver {number}")
        self.durations = array("d")
        self.error: Exception | None = None
        self._app, self._since, self._until = app, since, until
        self._next = number * ORDERS_A_THREAD

    def run(self) -> None:
        """See `threading.Thread`."""
        try:
            now = time.perf_counter()
            while now < self._until:
                began = now
                self._app.save(new_order(Order, self._next, datetime.now(UTC)))
                self._next += 1
                now = time.perf_counter()
                if self._since <= now < self._until:
                    self.durations.append(now - began)
        except Exception as error:
            self.error = error


def _shown(app: Orders) -> dict[str, str]:
    recorder = cast(PostgresApplicationRecorder, app.recorder)
    found = {}
    with recorder.datastore.get_connection() as connection, connection.cursor() as cursor:
        for name in SHOWN:
            cursor.execute(f"SHOW {name}".encode())
            row = cursor.fetchone()
            assert row is not None
            found[name] = str(row[name])
    return found


if __name__ == "__main__":
    gc.set_threshold(*READING)
    sys.stdout.write(run(Run.loads(sys.argv[1])).dumps() + "\n")
