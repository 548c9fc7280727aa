"""The reference's follower: `python -m benchmarks.reference.follower DSN ORDERS` saves orders, then projects them.

Writes as JSON how many seconds the projecting took, and how many rows there are after it.
"""

import gc
import json
import sys
import time
from datetime import UTC, datetime

from eventsourcing.projection import ProjectionRunner
from psycopg.sql import SQL, Identifier

from benchmarks.reference.environment import environment
from benchmarks.reference.history import History, HistoryView, SoldOrder
from benchmarks.reference.order import Orders, new_order
from infra.process import READING

TABLES = ("orders", "lines", "timeline")
TOGETHER = 500
"""Orders that are placed in one transaction, then confirmed in one."""
PATIENCE_SECONDS = 3_600.0


def save(env: dict[str, str], orders: int) -> int:
    """Save orders of two lines, each placed and confirmed; gives the place of the last event."""
    app = Orders(env)
    last = 0
    try:
        for first in range(0, orders, TOGETHER):
            now = datetime.now(UTC)
            several = [new_order(SoldOrder, n, now, lines=2) for n in range(first, min(first + TOGETHER, orders))]
            app.save(*several)
            for order in several:
                order.confirm(order.placed_at, order.lines)
            last = app.save(*several)[-1].notification.id
    finally:
        app.close()
    return last


def follow(env: dict[str, str], last: int) -> tuple[float, dict[str, int]]:
    """Project all events from the first; gives the seconds, and rows by table."""
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=Orders, projection_class=History, view_class=HistoryView, env=env
    ) as runner:
        runner.wait(last, timeout=PATIENCE_SECONDS)
        seconds = time.perf_counter() - began
        rows = {}
        with runner.view.datastore.transaction() as cursor:
            for name in TABLES:
                cursor.execute(SQL("SELECT count(*) AS rows FROM {0}").format(Identifier(name)))
                row = cursor.fetchone()
                assert row is not None
                rows[name] = row["rows"]
    return seconds, rows


if __name__ == "__main__":
    gc.set_threshold(*READING)
    settings = environment(sys.argv[1], threads=3, functions=False)
    sys.stdout.write(json.dumps(follow(settings, save(settings, int(sys.argv[2])))))
