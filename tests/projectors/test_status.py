"""What a projection tells of its lag."""

import time

from event_schemas.record import LogRecord
from infra.log_batch import START, Batch, Position
from projectors.engine.status import Status
from projectors.read_models.stock import PROJECTION
from projectors.stores.store import Loaded, Outcome, ParkedKeys, Standing

HOUR_AGO_MS = int(time.time() - 3600) * 1000


def _applied(status: Status, ends: dict[int, int]) -> Status:
    status.loaded(Loaded(1, {0: Standing(START, 0, 0)}, ParkedKeys()))
    status.observe(ends)
    record = LogRecord(PROJECTION.topic, 0, 0, HOUR_AGO_MS, b"k", b"{}", [])
    batches = [Batch(PROJECTION.topic, 0, [record], START, Position(1), 0)]
    status.reading(batches)
    status.committed(batches, Outcome(1, ()))
    return status


def _lag_seconds(status: Status, ends: dict[int, int]) -> float:
    [partition] = status.described(ends)["partitions"]
    return float(partition["lag_seconds"])


def test_the_lag_of_a_backlog_is_told_between_two_batches_too() -> None:
    ends = {0: 1_000}
    status = _applied(Status(PROJECTION), ends)
    assert _lag_seconds(status, ends) >= 3_599
    status.observe(ends)
    assert _lag_seconds(status, ends) >= 3_599


def test_who_was_at_the_end_is_behind_only_since_something_new_was_seen() -> None:
    status = _applied(Status(PROJECTION), {0: 1_000})
    status.observe({0: 1})
    assert _lag_seconds(status, {0: 1}) == 0
    status.observe({0: 2})
    assert _lag_seconds(status, {0: 2}) < 60
