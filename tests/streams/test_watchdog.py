"""A worker that stands still is found, one that works or has nothing to do is not."""

import pytest

from projectors.streams.watchdog import RECOVERY_SECONDS, STUCK_SECONDS, Stuck, Watchdog


def test_a_worker_behind_its_end_that_does_not_move_is_stuck() -> None:
    watchdog = Watchdog(0.0)
    watchdog.follow({0: 5}, 7, {0: 9}, 1.0)
    watchdog.follow({0: 5}, 7, {0: 9}, 1.0 + STUCK_SECONDS)
    with pytest.raises(Stuck):
        watchdog.follow({0: 5}, 7, {0: 9}, 1.1 + STUCK_SECONDS)


def test_a_worker_with_nothing_to_read_or_with_progress_is_not() -> None:
    watchdog = Watchdog(0.0)
    for minute in range(10):
        watchdog.follow({0: 5}, 7, {0: 5}, minute * 60.0)
    for minute in range(10, 20):
        watchdog.follow({0: 5, 1: minute}, 7, {0: 9, 1: 100}, minute * 60.0)


def test_a_worker_that_stores_for_long_is_not() -> None:
    watchdog = Watchdog(0.0)
    for minute in range(10):
        watchdog.follow({0: 5}, minute, {0: 9}, minute * 60.0)


def test_a_long_recovery_may_go_on_while_it_moves() -> None:
    watchdog = Watchdog(0.0)
    for step in range(20):
        watchdog.recover({0: step}, step * RECOVERY_SECONDS)
    with pytest.raises(Stuck):
        watchdog.recover({0: 19}, 19.1 * RECOVERY_SECONDS + RECOVERY_SECONDS)
