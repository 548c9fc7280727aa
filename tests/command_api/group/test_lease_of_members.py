"""When a member on real Kafka has a lease, and when it has none though it hears from its coordinator."""

import pytest

from tests.command_api.group.late_answers import HEARTBEAT, SYNC_GROUP, LateAnswers
from tests.command_api.group.members import Members, has_lease, settled
from tests.support.poll import until


async def test_a_heartbeat_whose_answer_comes_late_renews_only_from_its_sending(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = members.start("a")
    await settled(a)
    answers = LateAnswers(monkeypatch, "a", HEARTBEAT)

    async def held() -> int:
        return answers.held

    await has_lease(a, expected=False)
    assert answers.held == 1
    answers.let_through()
    await until(held, lambda count: count == 2)  # the first has been taken, the second is on its way
    await has_lease(a, expected=False, seconds=0.5)
    answers.let_through(1000)
    await has_lease(a)


async def test_there_is_no_lease_from_joining_on_until_the_assignment_is_here(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = members.start("a"), members.start("b")
    before = await settled(a, b)
    answers = LateAnswers(monkeypatch, "a", SYNC_GROUP)
    c = members.start("c")
    assert await b.newer(before.generation, 10)
    assert await c.newer(before.generation, 10)
    assert a.routing == before
    assert not a.lease_valid()
    answers.let_through(1000)
    await settled(a, b, c)
    await has_lease(a)
