"""The checker itself: a run that is right passes, and each kind of lie that it is there for is caught."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.examples.clean import clean, received, reserved
from tests.faults.examples.lies import acknowledgements, decisions, order, reads, states
from tests.faults.examples.scene import Scene
from tests.faults.history import stock_ledger
from tests.faults.history.checks import acknowledgements as rules

LIES = [*acknowledgements.LIES, *order.LIES, *decisions.LIES, *states.LIES, *reads.LIES]


def test_a_run_that_is_right_passes() -> None:
    analysis = clean().check()
    assert analysis.violations == [], str(analysis)
    assert (analysis.acknowledged, analysis.events) == (20, 14)
    assert (analysis.void, analysis.gaps, analysis.claims) == (1, 1, 4)


@pytest.mark.parametrize(("lie", "rule"), LIES, ids=[f"{lie.__name__}: {rule}" for lie, rule in LIES])
def test_a_lie_is_caught(lie: Callable[[Scene], None], rule: str) -> None:
    scene = clean()
    lie(scene)
    assert rule in scene.check().broken


def test_a_reservation_may_come_again_once_its_end_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_ledger, "REMEMBERED_CLOSURES", 1)
    scene = clean()
    scene.does("again", "ReserveStock", reserved("r1", 1), reservation_id="r1", quantity=1)
    scene.changes_nothing("and-again", "ReserveStock", reservation_id="r1", quantity=1)
    analysis = scene.check()
    assert analysis.violations == [], str(analysis)


def test_what_lands_late_under_a_hold_that_is_over_changes_nothing() -> None:
    scene = clean()
    late = scene.record("receive")
    scene.records.append(replace(late, offset=len(scene.records)))
    analysis = scene.check()
    assert (analysis.violations, analysis.void) == ([], 2)


def test_a_claim_with_the_epoch_of_another_takes_nothing() -> None:
    scene = clean()
    scene.claim("writer-3", 2)
    scene.does("late", "ReceiveStock", received(1), quantity=1)
    assert rules.ACKNOWLEDGED in scene.check().broken
