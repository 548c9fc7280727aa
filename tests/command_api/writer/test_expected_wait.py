"""What a command would wait, told from what the batches before it took."""

from command_api.writer.batch import MAX_COMMANDS
from command_api.writer.expected_wait import ExpectedWait


class Clock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def run(expected: ExpectedWait, clock: Clock, seconds: float, commands: int, left: int, times: int = 30) -> None:
    for _ in range(times):
        expected.batch(commands, left)
        clock.now += seconds
        expected.settled()


def test_before_anything_was_measured_nothing_is_expected() -> None:
    assert ExpectedWait(Clock()).behind(10_000) == 0


def test_a_command_waits_for_as_many_batches_as_are_before_it() -> None:
    clock = Clock()
    expected = ExpectedWait(clock)
    run(expected, clock, seconds=0.1, commands=1, left=0)
    assert round(expected.behind(1), 3) == 0.1
    assert round(expected.behind(MAX_COMMANDS), 3) == 0.1
    assert round(expected.behind(MAX_COMMANDS + 1), 3) == 0.2
    assert round(expected.behind(10 * MAX_COMMANDS), 3) == 1.0


def test_batches_that_are_full_with_few_large_commands_hold_no_more() -> None:
    clock = Clock()
    expected = ExpectedWait(clock)
    run(expected, clock, seconds=0.1, commands=4, left=50)
    assert round(expected.behind(40), 3) == 1.0
    run(expected, clock, seconds=0.1, commands=80, left=0)
    assert round(expected.behind(40), 3) == 0.1


def test_idle_time_is_no_waiting_time() -> None:
    clock = Clock()
    expected = ExpectedWait(clock)
    for _ in range(10):
        run(expected, clock, seconds=0.01, commands=1, left=0, times=3)
        clock.now += 60
    assert expected.behind(1) <= 0.01


def test_a_writer_that_was_slow_is_tried_again_and_forgotten_to_be_slow() -> None:
    clock = Clock()
    expected = ExpectedWait(clock)
    run(expected, clock, seconds=4.5, commands=1, left=0, times=2)
    assert expected.behind(1) > 2
    assert expected.behind(0) == 0
    run(expected, clock, seconds=0.005, commands=1, left=0, times=10)
    assert expected.behind(1) < 0.2
