"""The rules take every event that was ever shipped, of whatever version, where its aggregate may have it."""

import pytest

from command_api.deciders import DECIDERS
from event_schemas.codec import decode
from tests.support.golden_history import Shipped, stories


@pytest.mark.parametrize(("name", "story"), list(stories()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_event_ever_shipped_is_folded_and_its_state_survives_a_snapshot(name: str, story: list[Shipped]) -> None:
    (decider,) = (one for one in DECIDERS if one.topic == story[0].topic)
    before = decider.fold(decode(event.wire_type, event.value) for event in story[:-1])
    state = decider.fold([decode(story[-1].wire_type, story[-1].value)], before)
    assert state != decider.initial
    assert decider.load(decider.dump(state)) == state
