import time

import pytest

from command_api.writer.key_segment import Remembered
from command_api.writer.key_window import KeyWindow


def remembered(offset: int, *, age_hours: float = 0.0, partition: int = 0) -> Remembered:
    now = int(time.time() * 1000 - age_hours * 3_600_000)
    return Remembered("print", "subject", offset + 1, "orders", partition, offset, offset, now)


def test_a_command_is_remembered_with_the_place_of_its_events() -> None:
    window = KeyWindow(hours=24, most=10)
    window.add("c1", remembered(5))
    found = window.get("c1")
    assert found is not None
    assert (found.first_offset, found.last_offset, found.version) == (5, 5, 6)


def test_further_events_of_a_command_extend_its_place() -> None:
    window = KeyWindow(hours=24, most=10)
    window.add("c1", remembered(5))
    window.add("c1", remembered(6))
    found = window.get("c1")
    assert found is not None
    assert (found.first_offset, found.last_offset, found.version) == (5, 6, 7)


def test_the_oldest_command_is_forgotten_when_there_are_too_many() -> None:
    window = KeyWindow(hours=24, most=2)
    for number in range(3):
        window.add(f"c{number}", remembered(number))
    assert window.get("c0") is None
    assert window.get("c1") is not None
    assert len(window) == 2


def test_a_command_older_than_the_window_is_not_remembered() -> None:
    window = KeyWindow(hours=24, most=10)
    window.add("old", remembered(1, age_hours=25))
    assert window.get("old") is None


def test_the_oldest_is_forgotten_whatever_the_order_in_which_partitions_were_folded() -> None:
    window = KeyWindow(hours=24, most=2)
    window.add("new", remembered(1, age_hours=1, partition=0))
    window.add("old", remembered(1, age_hours=3, partition=1))
    window.add("middle", remembered(2, age_hours=2, partition=1))
    assert window.get("old") is None
    assert [window.get(name) is not None for name in ("new", "middle")] == [True, True]


def test_what_has_grown_too_old_meanwhile_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    window = KeyWindow(hours=24, most=10)
    window.add("c1", remembered(1, age_hours=23))
    in_two_hours = time.time() + 7_200
    monkeypatch.setattr(time, "time", lambda: in_two_hours)
    assert window.get("c1") is None


def test_commands_of_policies_push_no_other_command_out() -> None:
    window = KeyWindow(hours=24, most=2)
    window.add("client", remembered(0))
    for number in range(1, 10):
        window.add(f"policy{number}", remembered(number)._replace(fingerprint=""))
    assert window.get("client") is not None
    assert len(window) == 1


def test_an_unknown_command_is_not_remembered() -> None:
    assert KeyWindow(hours=24, most=10).get("never") is None


def test_dropping_a_partition_without_commands_does_not_look_through_all_others() -> None:
    window = KeyWindow(hours=24, most=20_000)
    for number in range(20_000):
        window.add(f"c{number}", remembered(number))
    started = time.process_time()
    for _ in range(500):
        window.drop({("stock", 3)})
    assert time.process_time() - started < 0.5
    assert len(window) == 20_000


def test_a_partition_that_is_dropped_is_forgotten_wholly_and_alone() -> None:
    window = KeyWindow(hours=24, most=4)
    for number in range(6):
        window.add(f"c{number}", remembered(number, partition=number % 3))
    window.add("c5", remembered(9, partition=0))
    window.drop({("orders", 0), ("orders", 1)})
    assert [number for number in range(6) if window.get(f"c{number}") is not None] == [2]
    window.drop({("orders", 0), ("orders", 2)})
    assert len(window) == 0
