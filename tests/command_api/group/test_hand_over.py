"""How long an instance that has left stays for the others, over real HTTP."""

import asyncio
from types import MappingProxyType

import orjson
import pytest
from starlette.responses import JSONResponse

from command_api.group.hand_over import hand_over
from command_api.group.routing import Routing, Told, read_routing, tell_routing
from infra.launcher.ports import free_ports
from tests.command_api.group.instances import Instance, serving
from tests.support.poll import until


class Former:
    """What an instance that has left knows: the part of a ``Membership`` that the hand-over needs."""

    def __init__(self, *others: str) -> None:
        self.others = frozenset(others)
        self.routing = routing(4)

    def hear(self, routing: Routing) -> None:
        self.routing = max(self.routing, routing, key=lambda table: table.generation)


def routing(generation: int) -> Routing:
    return Routing(generation, MappingProxyType({0: "http://a:1", 11: "http://b:1"}), frozenset())


def knows(generation: int, leaving: bool = False) -> Instance:
    told = tell_routing(Told(routing(generation), leaving), 12)
    return Instance(lambda: JSONResponse(told))


async def test_it_lasts_until_all_others_know_a_newer_table_and_the_first_is_heard_at_once() -> None:
    quick, slow = knows(5), knows(4)
    async with serving(quick) as one, serving(slow) as other:
        former = Former(one, other)
        handing = asyncio.create_task(hand_over(former))

        async def generation() -> int:
            return former.routing.generation

        await until(generation, lambda found: found == 5)
        assert not handing.done()
        slow.answer = knows(6).answer
        await handing
    assert former.routing == routing(6)
    assert {arrived.target for arrived in quick.arrived} == {"/routing?"}


async def test_who_leaves_too_or_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("command_api.group.hand_over.HAND_OVER_SECONDS", 600)
    async with serving(knows(4, leaving=True)) as leaving, asyncio.timeout(20):
        former = Former(leaving, f"http://127.0.0.1:{free_ports(1)[0]}")
        await hand_over(former)
    assert former.routing.generation == 4


async def test_where_there_is_no_other_it_is_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("command_api.group.hand_over.HAND_OVER_SECONDS", 600)
    async with asyncio.timeout(20):
        await hand_over(Former())


def test_a_table_is_read_as_it_was_told() -> None:
    told = Told(routing(7), leaving=True)
    assert read_routing(orjson.dumps(tell_routing(told, 12))) == told


@pytest.mark.parametrize("answer", [b"", b"[]", b'{"code": "starting"}', b'{"generation": 1, "owners": {"x": "a"}}'])
def test_another_answer_is_no_table(answer: bytes) -> None:
    assert read_routing(answer) is None
