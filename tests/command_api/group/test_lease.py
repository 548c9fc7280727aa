"""The lease, on a clock that the tests set."""

import pytest

from command_api.group import lease as module
from command_api.group.lease import Lease


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, in its only item."""
    time = [1000.0]
    monkeypatch.setattr(module, "now", lambda: time[0])
    return time


def test_it_lasts_a_second_less_than_the_session_from_the_sending_of_what_renewed_it(clock: list[float]) -> None:
    lease = Lease(3.0)
    lease.begin(1000.0)
    clock[0] = 1001.9
    assert lease.valid()
    lease.renew(1001.0)  # sent at 1001.0, answered now
    clock[0] = 1002.9
    assert lease.valid()
    clock[0] = 1003.0
    assert not lease.valid()


def test_there_is_none_before_an_assignment_nor_during_a_rebalance_whatever_heartbeats_say(clock: list[float]) -> None:
    lease = Lease(3.0)
    lease.renew(1000.0)
    assert not lease.valid()
    lease.begin(1000.0)
    lease.end()
    lease.renew(1000.0)
    assert not lease.valid()


def test_an_answer_that_comes_late_does_not_shorten_it(clock: list[float]) -> None:
    lease = Lease(3.0)
    lease.begin(1000.0)
    lease.renew(999.0)
    clock[0] = 1001.5
    assert lease.valid()


def test_each_assignment_has_a_number_of_its_own_which_heartbeats_keep(clock: list[float]) -> None:
    lease = Lease(3.0)
    assert lease.term() == 0
    lease.begin(1000.0)
    lease.renew(1000.5)
    assert lease.term() == 1
    lease.end()
    assert lease.term() == 0
    lease.begin(1001.0)
    assert lease.term() == 2
    clock[0] = 1004.0
    assert lease.term() == 0
