from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from command_api.writer.deadlines import Deadlines

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_deadlines_that_have_passed_are_given_once_the_earliest_first() -> None:
    deadlines = Deadlines()
    for subject, minutes in (("late", 9), ("second", 2), ("first", 1)):
        deadlines.note(subject, at(minutes))
    assert deadlines.passed(at(0), 10) == []
    assert deadlines.passed(at(2), 10) == ["first", "second"]
    assert deadlines.passed(at(5), 10) == []
    assert len(deadlines) == 1


def test_a_deadline_that_was_moved_or_taken_away_is_not_given_at_its_old_time() -> None:
    deadlines = Deadlines()
    for subject in ("moved", "gone"):
        deadlines.note(subject, at(1))
    deadlines.note("moved", at(5))
    deadlines.note("gone", None)
    assert deadlines.passed(at(4), 10) == []
    assert deadlines.passed(at(5), 10) == ["moved"]


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 60)), max_size=60), st.integers(0, 60))
def test_whatever_was_noted_exactly_the_last_deadlines_that_have_passed_are_given(
    notes: list[tuple[int, int | None]], now: int
) -> None:
    deadlines, last = Deadlines(), {}
    for number, minutes in notes:
        deadlines.note(str(number), None if minutes is None else at(minutes))
        last[str(number)] = minutes
    wanted = {subject for subject, minutes in last.items() if minutes is not None and minutes <= now}
    assert set(deadlines.passed(at(now), 1_000)) == wanted


def test_outdated_entries_do_not_pile_up() -> None:
    deadlines = Deadlines()
    for minutes in range(50_000):
        deadlines.note("again and again", at(minutes))
    assert len(deadlines._heap) < 2_000


def test_no_more_deadlines_are_given_at_once_than_asked_for() -> None:
    deadlines = Deadlines()
    for minute in range(5):
        deadlines.note(f"o{minute}", at(minute))
    assert [deadlines.passed(at(9), 2) for _ in range(3)] == [["o0", "o1"], ["o2", "o3"], ["o4"]]
