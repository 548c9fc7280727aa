"""The checker itself: a run that is right passes, and each kind of lie that it is there for is caught."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.history.checks import acknowledgements, contents, decisions, offsets, versions
from tests.faults.history.operation import Answer, Operation, Outcome
from tests.faults.history.scene import SKU, Scene, clean, reserved
from tests.faults.history.states import STATE


def operation(scene: Scene, key: str) -> Operation:
    return next(each for each in scene.history if each.request.key == key)


def answer(scene: Scene, key: str) -> Answer:
    found = operation(scene, key).answer
    assert found is not None
    return found


def record_at(scene: Scene, key: str) -> int:
    return answer(scene, key).offset


def lost_acknowledgement(scene: Scene) -> None:
    """It was appended under a hold that was over: acknowledged, and void."""
    scene.records[record_at(scene, "count")].epoch = 1


def duplicated_record(scene: Scene) -> None:
    copied = replace(scene.records[record_at(scene, "count")], offset=len(scene.records))
    scene.records.append(copied)


def effect_twice(scene: Scene) -> None:
    """The repeat of a key was carried out again."""
    scene.effect(operation(scene, "receive"), ("received", {"warehouse_id": "MAIN", "quantity": 10}))


def carried_out_twice(scene: Scene) -> None:
    again = scene.repeats(operation(scene, "exact")).answer
    assert again is not None
    again.replayed = False


def split_command(scene: Scene) -> None:
    """Another command's event stands between the events of one command."""
    unknown = scene.sent("split", Outcome.INFO, "ReserveStock", reservation_id="r5", quantity=1)
    scene.effect(unknown, reserved("r5", 1))
    scene.does("between", "ReceiveStock", ("received", {"warehouse_id": "MAIN", "quantity": 1}), quantity=1)
    scene.effect(unknown, reserved("r6", 1))


def forked_version(scene: Scene) -> None:
    scene.records[record_at(scene, "count")].sequence -= 1


def acknowledged_before_append(scene: Scene) -> None:
    """The answer named the place it was meant to have; another command was there first."""
    first, second = record_at(scene, "receive"), record_at(scene, "promise")
    scene.records[first].command_id, scene.records[second].command_id = (
        scene.records[second].command_id,
        scene.records[first].command_id,
    )


def oversell(scene: Scene) -> None:
    """What was refused was promised: eleven of ten."""
    record = scene.records[record_at(scene, "too-much")]
    record.type, record.value = "stock.reserved.v1", {"sku": SKU, **reserved("r2", 7)[1]}


def refusal_on_an_old_state(scene: Scene) -> None:
    scene.records[record_at(scene, "too-much")].value["available"] = 10


def count_on_an_old_state(scene: Scene) -> None:
    scene.records[record_at(scene, "count")].value["previous_quantity"] = 10


def stale_conflict(scene: Scene) -> None:
    """412 names a version that was over before it was asked."""
    operation(scene, "stale").facts["current_version"] = 1


def conflict_without_reason(scene: Scene) -> None:
    operation(scene, "stale").request.expected = 3


def refusal_without_reason(scene: Scene) -> None:
    operation(scene, "take").request.content["delta"] = -6


def refusal_on_old_facts(scene: Scene) -> None:
    operation(scene, "take").facts["available"] = 5


def moved_offset(scene: Scene) -> None:
    answer(scene, "count").offset += 1


def hole_in_the_offsets(scene: Scene) -> None:
    for record in scene.records[-1:]:
        record.offset += 1


def position_backwards(scene: Scene) -> None:
    """A command that was sent after another's answer lies before it."""
    late = operation(scene, "promise")
    late.invoked, late.completed = 100.0, 100.5


def changed_repeat(scene: Scene) -> None:
    again = next(o.answer for o in scene.history if o.answer is not None and o.answer.replayed)
    again.version += 1


def changed_body(scene: Scene) -> None:
    answer(scene, "promise").body = {"quantity": 4}


def refused_but_done(scene: Scene) -> None:
    done = operation(scene, "count")
    done.outcome, done.answer, done.code = Outcome.FAIL, None, "overloaded"


def no_change_but_done(scene: Scene) -> None:
    answer(scene, "count").effect = False


def stale_no_change(scene: Scene) -> None:
    """It says that the reservation was there, at a version at which it was not."""
    answer(scene, "promise-again").version = 1


def version_ignored(scene: Scene) -> None:
    operation(scene, "exact").request.expected = 2


def nobody_asked(scene: Scene) -> None:
    scene.history.operations.remove(operation(scene, "unknown"))


def other_quantity(scene: Scene) -> None:
    scene.records[record_at(scene, "receive")].value["quantity"] = 11


def unexpected_answer(scene: Scene) -> None:
    operation(scene, "take").code = "aggregate_quarantined"


LIES: list[tuple[Callable[[Scene], None], str]] = [
    (lost_acknowledgement, acknowledgements.ACKNOWLEDGED),
    (duplicated_record, acknowledgements.ONE_EFFECT),
    (effect_twice, acknowledgements.ONE_EFFECT),
    (split_command, acknowledgements.ONE_EFFECT),
    (carried_out_twice, acknowledgements.SAME_ANSWER),
    (forked_version, versions.DENSE),
    (acknowledged_before_append, acknowledgements.ACKNOWLEDGED),
    (oversell, STATE),
    (refusal_on_an_old_state, STATE),
    (count_on_an_old_state, STATE),
    (stale_conflict, decisions.REFUSALS),
    (conflict_without_reason, decisions.REFUSALS),
    (refusal_without_reason, decisions.REFUSALS),
    (refusal_on_old_facts, decisions.REFUSALS),
    (moved_offset, acknowledgements.ACKNOWLEDGED),
    (hole_in_the_offsets, offsets.NO_HOLES),
    (position_backwards, offsets.FORWARD),
    (position_backwards, versions.REAL_TIME),
    (changed_repeat, acknowledgements.SAME_ANSWER),
    (changed_body, acknowledgements.SAME_ANSWER),
    (refused_but_done, acknowledgements.REFUSED),
    (no_change_but_done, acknowledgements.REFUSED),
    (stale_no_change, decisions.NO_CHANGE),
    (stale_no_change, versions.REAL_TIME),
    (stale_no_change, offsets.HOLDS_THERE),
    (version_ignored, versions.EXPECTED),
    (nobody_asked, acknowledgements.NOBODY_ASKED),
    (other_quantity, contents.AS_ASKED),
    (unexpected_answer, decisions.SURPRISES),
]


def test_a_run_that_is_right_passes() -> None:
    analysis = clean().check()
    assert analysis.violations == [], str(analysis)
    assert (analysis.acknowledged, analysis.events) == (7, 7)
    assert (analysis.void, analysis.gaps, analysis.claims) == (1, 1, 2)


@pytest.mark.parametrize(("lie", "rule"), LIES, ids=[f"{lie.__name__}: {rule}" for lie, rule in LIES])
def test_a_lie_is_caught(lie: Callable[[Scene], None], rule: str) -> None:
    scene = clean()
    lie(scene)
    assert rule in scene.check().broken


def test_what_lands_late_under_a_hold_that_is_over_changes_nothing() -> None:
    scene = clean()
    late = scene.records[record_at(scene, "receive")]
    scene.records.append(replace(late, offset=len(scene.records)))
    analysis = scene.check()
    assert (analysis.violations, analysis.void) == ([], 2)


def test_a_claim_with_the_epoch_of_another_takes_nothing() -> None:
    scene = clean()
    holder = scene.records[-1].writer, scene.records[-1].epoch
    scene.claim("writer-3", 2)
    scene.does("late", "ReceiveStock", ("received", {"warehouse_id": "MAIN", "quantity": 1}), quantity=1)
    assert holder == ("writer-2", 2)
    assert acknowledgements.ACKNOWLEDGED in scene.check().broken
