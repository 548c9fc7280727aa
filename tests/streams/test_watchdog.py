"""A worker that stands still is found, one that works or has nothing to do is not."""

import pytest

from projectors.stillness import Stuck
from projectors.streams.watchdog import RECOVERY_SECONDS, STUCK_SECONDS, Watchdog


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
        watchdog.follow({0: 5, 1: minute}, 7, {0: 5, 1: 100}, minute * 60.0)


def test_a_partition_that_stands_still_is_found_though_another_one_moves_and_rows_are_stored_now_and_then() -> None:
    watchdog = Watchdog(0.0)
    for second in range(int(STUCK_SECONDS)):
        watchdog.follow({0: 5, 1: second}, second // 5, {0: 9, 1: 100}, second)
    with pytest.raises(Stuck, match="partition 0 "):
        watchdog.follow({0: 5, 1: 99}, int(STUCK_SECONDS) // 5 - 1, {0: 9, 1: 100}, 1.5 * STUCK_SECONDS)


def test_a_worker_that_stores_for_long_is_not() -> None:
    watchdog = Watchdog(0.0)
    for minute in range(10):
        watchdog.follow({0: 5}, minute, {0: 9}, minute * 60.0)


def test_a_long_recovery_may_go_on_while_it_moves() -> None:
    watchdog = Watchdog(0.0)
    for step in range(20):
        watchdog.recover({0: step}, {0: 100}, step * RECOVERY_SECONDS)
    with pytest.raises(Stuck, match="the recovery "):
        watchdog.recover({0: 19}, {0: 100}, 19.1 * RECOVERY_SECONDS + RECOVERY_SECONDS)


def test_a_recovery_of_which_nothing_is_known_yet_is_found_when_it_hangs() -> None:
    watchdog = Watchdog(0.0)
    watchdog.recover({}, {}, 1.0)
    with pytest.raises(Stuck):
        watchdog.recover({}, {}, 1.1 + RECOVERY_SECONDS)


def test_a_partition_whose_recovery_stands_still_is_found_though_another_one_moves_unless_it_is_done() -> None:
    watchdog = Watchdog(0.0)
    for second in range(int(3 * RECOVERY_SECONDS)):
        watchdog.recover({0: 5, 1: second}, {0: 5, 1: 1_000}, second)
    for second in range(int(3 * RECOVERY_SECONDS), int(4 * RECOVERY_SECONDS)):
        watchdog.recover({0: 5, 1: second}, {0: 9, 1: 1_000}, second)
    with pytest.raises(Stuck, match="changelog 0 "):
        watchdog.recover({0: 5, 1: 999}, {0: 9, 1: 1_000}, 4.1 * RECOVERY_SECONDS)


def test_a_partition_that_comes_again_after_a_recovery_begins_anew() -> None:
    watchdog = Watchdog(0.0)
    for second in range(int(STUCK_SECONDS)):
        watchdog.follow({0: 5}, 7, {0: 9}, second)
    watchdog.recover({0: 5}, {0: 9}, STUCK_SECONDS)
    for second in range(int(STUCK_SECONDS)):
        watchdog.follow({0: 5}, 7, {0: 9}, STUCK_SECONDS + second)
