"""Lies about what was acknowledged, refused and asked."""

from collections.abc import Callable
from dataclasses import replace

from tests.faults.examples.clean import received, reserved
from tests.faults.examples.scene import Scene
from tests.faults.history.checks import acknowledgements, contents
from tests.faults.history.operation import Outcome


def lost_acknowledgement(scene: Scene) -> None:
    """It was appended under a hold that was over: acknowledged, and void."""
    scene.record("count").epoch = 1


def duplicated_record(scene: Scene) -> None:
    copied = replace(scene.record("count"), offset=len(scene.records))
    scene.records.append(copied)


def effect_twice(scene: Scene) -> None:
    """The repeat of a key was carried out again."""
    scene.effect(scene.operation("receive"), received(10))


def split_command(scene: Scene) -> None:
    """Another command's event stands between the events of one command."""
    unknown = scene.sent("split", Outcome.INFO, "ReserveStock", reservation_id="r5", quantity=1)
    scene.effect(unknown, reserved("r5", 1))
    scene.does("between", "ReceiveStock", received(1), quantity=1)
    scene.effect(unknown, reserved("r6", 1))


def carried_out_twice(scene: Scene) -> None:
    again = scene.repeats(scene.operation("exact")).answer
    assert again is not None
    again.replayed = False


def acknowledged_before_append(scene: Scene) -> None:
    """The answer named the place it was meant to have; another command was there first."""
    first, second = scene.record("receive"), scene.record("promise")
    first.command_id, second.command_id = second.command_id, first.command_id


def moved_offset(scene: Scene) -> None:
    scene.answer("count").offset += 1


def changed_repeat(scene: Scene) -> None:
    again = next(o.answer for o in scene.history if o.answer is not None and o.answer.replayed)
    again.version += 1


def changed_body(scene: Scene) -> None:
    scene.answer("promise").body = {"quantity": 4}


def refused_but_done(scene: Scene) -> None:
    done = scene.operation("count")
    done.outcome, done.answer, done.code = Outcome.FAIL, None, "overloaded"


def no_change_but_done(scene: Scene) -> None:
    scene.answer("count").effect = False


def nobody_asked(scene: Scene) -> None:
    scene.history.operations.remove(scene.operation("unknown"))


def other_quantity(scene: Scene) -> None:
    scene.record("receive").value["quantity"] = 11


def other_events_told(scene: Scene) -> None:
    scene.answer("cancel").body = {"events": [{"type": "order.confirmed.v1"}]}


def waited_for_less(scene: Scene) -> None:
    """The answer that waited names a version before that of its own command."""
    next(o.answer for o in scene.history if o.answer is not None and o.answer.waited).version = 0


def other_lines(scene: Scene) -> None:
    scene.operation("place").request.content["items"] = [{"sku": "OTHER", "quantity": 2}]


def other_price(scene: Scene) -> None:
    scene.operation("reprice").request.content["new_price"] = {"amount": 900}


LIES: list[tuple[Callable[[Scene], None], str]] = [
    (lost_acknowledgement, acknowledgements.ACKNOWLEDGED),
    (duplicated_record, acknowledgements.ONE_EFFECT),
    (effect_twice, acknowledgements.ONE_EFFECT),
    (split_command, acknowledgements.ONE_EFFECT),
    (carried_out_twice, acknowledgements.SAME_ANSWER),
    (acknowledged_before_append, acknowledgements.ACKNOWLEDGED),
    (moved_offset, acknowledgements.ACKNOWLEDGED),
    (changed_repeat, acknowledgements.SAME_ANSWER),
    (changed_body, acknowledgements.SAME_ANSWER),
    (refused_but_done, acknowledgements.REFUSED),
    (no_change_but_done, acknowledgements.REFUSED),
    (nobody_asked, acknowledgements.NOBODY_ASKED),
    (other_quantity, contents.AS_ASKED),
    (other_events_told, acknowledgements.ACKNOWLEDGED),
    (waited_for_less, acknowledgements.ACKNOWLEDGED),
    (other_lines, contents.AS_ASKED),
    (other_price, contents.AS_ASKED),
]
