"""Bugs planted into the running product are found by the load and the checker, or their silence would prove nothing."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import httpx
import pytest

from infra.partition_of import partition_of
from tests.faults.campaign.campaign import start_readers
from tests.faults.campaign.rig import Rig
from tests.faults.history.checker import check
from tests.faults.history.checks import acknowledgements, decisions, reads, versions
from tests.faults.history.history import History
from tests.faults.history.operation import Request
from tests.faults.history.raw_log import read_log
from tests.faults.load.client import Habits
from tests.faults.load.load import Load, NotSettled
from tests.faults.load.sender import Sender
from tests.faults.load.wire import BULK
from tests.support.poll import until

PAST_THE_TAKE_OVER = 4.5
"""Seconds that an instance is stopped: longer than its session in the group."""
LOAD_SECONDS = 1.0
ROUNDS = 4
PLANTED = "tests.faults.planted"
CLIENT = -3
HABITS = Habits(bulk=0.3, lines=(5, 20), repeat=0.2)

Scenario = Callable[[Rig, Load, int], Awaitable[None]]
"""What happens in a round, by its number."""


async def load_only(rig: Rig, load: Load, number: int) -> None:
    """Clients at work, and no fault."""
    async with load.running():
        await asyncio.sleep(LOAD_SECONDS)


async def zombie_under_load(rig: Rig, load: Load, number: int) -> None:
    """An instance is stopped under load until another has taken over, and goes on with what it had."""
    instance = rig.instances[number % len(rig.instances)]
    async with load.running():
        await asyncio.sleep(LOAD_SECONDS)
        instance.pause()
        await asyncio.sleep(PAST_THE_TAKE_OVER)
        instance.resume()
        await asyncio.sleep(LOAD_SECONDS)


async def zombie_asked_for_refusals(rig: Rig, load: Load, number: int) -> None:
    """While an instance is stopped, what it held changes elsewhere; then it is asked, and told to go on."""
    stopped, other = number % len(rig.instances), (number + 1) % len(rig.instances)
    address = rig.urls[stopped]
    owners = await routing(rig.urls[other])
    skus = [sku for sku in load.skus if owners[partition_of(sku, rig.settings.partitions)] == address]
    assert skus, "the stopped instance holds none of the SKUs"
    rig.instances[stopped].pause()
    await until(lambda: routing(rig.urls[other]), lambda owners: address not in owners.values())
    await load.done([stock(sku, f"{sku}-since-{number}", "ReceiveStock", quantity=1) for sku in skus], other)
    asked = [
        stock(sku, f"{sku}-stale-{number}", "AdjustStock", version_of(load, sku), delta=-1, reason="CORRECTION")
        for sku in skus
    ]
    async with asyncio.TaskGroup() as group:
        group.create_task(load.sender.send_bulk(CLIENT, stopped, asked, 10.0))
        await asyncio.sleep(LOAD_SECONDS)
        rig.instances[stopped].resume()


def stock(sku: str, key: str, kind: str, expected: int | None = None, **content: object) -> Request:
    return Request(BULK, key, {"type": kind, "sku": sku, **content}, sku, expected)


def version_of(load: Load, sku: str) -> int:
    """The last version of a SKU that was told."""
    answers = (operation.answer for operation in load.sender.history)
    return max(answer.version for answer in answers if answer is not None and answer.subject == sku)


async def routing(url: str) -> dict[int, str]:
    """Who should hold what, as the instance at ``url`` knows it."""
    async with httpx.AsyncClient(trust_env=False) as client:
        told = (await client.get(f"{url}/routing")).json()
    return {int(shard): owner for shard, owner in told["owners"].items()}


BUGS: dict[str, tuple[Scenario, str]] = {
    "acknowledge_before_append": (zombie_under_load, acknowledgements.ACKNOWLEDGED),
    "no_gap_check": (zombie_under_load, acknowledgements.ACKNOWLEDGED),
    "no_version_check": (load_only, versions.EXPECTED),
    "no_proof_of_refusals": (zombie_asked_for_refusals, decisions.REFUSALS),
    "forgotten_keys": (load_only, acknowledgements.ONE_EFFECT),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_a_planted_bug_is_caught(rig: Rig, bug: str) -> None:
    scenario, rule = BUGS[bug]
    history = History()
    await rig.start_instances(PLANTED, "command_api", bug)
    async with Sender(rig.urls, history) as sender:
        load = Load(sender, bug.replace("_", "-"), 1, skus=24, clients=16, habits=HABITS)
        for number in range(ROUNDS + 1):
            with contextlib.suppress(NotSettled):  # what was acknowledged under the bug may never be seen
                await (scenario(rig, load, number) if number else load.set_up())
            analysis = check(history, await read_log(rig.settings.bootstrap_servers), shared=True)
            if rule in analysis.broken:
                return
    pytest.fail(f"{bug} was not caught in {ROUNDS} rounds: {analysis}")


async def test_a_query_api_that_ignores_tokens_is_caught(rig: Rig) -> None:
    history = History()
    await rig.start_instances()
    async with Sender(rig.urls, history) as sender:
        load = Load(sender, "tokens", 1, skus=24, clients=4, habits=HABITS)
        await load.set_up()
        async with load.running(await start_readers(rig, history, PLANTED, "query_api", "ignored_tokens")):
            await asyncio.sleep(LOAD_SECONDS)
            rig.projectors.pause()
            await asyncio.sleep(LOAD_SECONDS)
            rig.projectors.resume()
    analysis = check(history, await read_log(rig.settings.bootstrap_servers), shared=True)
    assert reads.SEES_WRITE in analysis.broken


async def test_a_zombie_refuses_nothing_on_what_it_knew(rig: Rig) -> None:
    history = History()
    await rig.start_instances()
    async with Sender(rig.urls, history) as sender:
        load = Load(sender, "zombie", 1, skus=24, clients=0, habits=HABITS)
        await load.set_up()
        await zombie_asked_for_refusals(rig, load, 0)
    analysis = check(history, await read_log(rig.settings.bootstrap_servers), shared=True)
    assert not analysis.violations, str(analysis)
