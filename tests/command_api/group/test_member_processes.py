"""Members as processes that are killed and stopped, on real Kafka."""

import asyncio
import random
import signal
import time
from typing import Any

import pytest

from tests.command_api.group.members import PARTITIONS, MemberProcess, Members
from tests.support.in_time import in_time
from tests.support.poll import until

ALL = list(range(PARTITIONS))
SESSION_SECONDS = 3.0


async def share(*processes: MemberProcess, seconds: float = 30) -> None:
    """Wait until these processes have all shards among them, in one generation."""

    async def last() -> list[dict[str, Any]]:
        return [process.assignments[-1] if process.assignments else {} for process in processes]

    def complete(told: list[dict[str, Any]]) -> bool:
        shards = sorted(shard for one in told for shard in one.get("mine", ()))
        return len({one.get("generation") for one in told}) == 1 and shards == ALL

    await until(last, complete, seconds)


async def test_a_killed_member_is_replaced_when_its_session_has_run_out(members: Members) -> None:
    a = await members.process("a")

    async def replaced() -> float:
        b = await members.process("b")
        await share(a, b)
        before = len(a.assignments)
        started = time.monotonic()
        await b.kill()
        assert (await a.assigned(before))["mine"] == ALL
        return time.monotonic() - started

    await in_time(SESSION_SECONDS + 1, replaced)


async def test_a_killed_member_that_is_started_again_takes_its_shards_up_at_once(members: Members) -> None:
    a, b = await members.process("a"), await members.process("b")
    await share(a, b)
    told = b.assignments[-1]
    before = len(a.assignments)
    await b.kill()
    again = await members.process("b")
    found = await again.assigned()
    assert (found["mine"], found["generation"]) == (told["mine"], told["generation"])
    assert len(a.assignments) == before


async def test_a_stopped_member_has_no_lease_when_it_goes_on_and_its_shards_are_elsewhere(members: Members) -> None:
    a, b = await members.process("a"), await members.process("b")
    await share(a, b)
    before_a, before_b = len(a.assignments), len(b.assignments)
    b.signal(signal.SIGSTOP)
    taken = await a.assigned(before_a)
    assert taken["mine"] == ALL
    b.signal(signal.SIGCONT)
    await b.assigned(before_b)
    await share(a, b)
    stale = [look for look in b.looks if look["at"] > taken["at"] and look["generation"] < taken["generation"]]
    assert stale, "it never looked between going on and its new assignment"
    assert not any(look["valid"] for look in stale)


@pytest.mark.timeout(120)
async def test_no_member_has_a_lease_on_what_another_was_given(members: Members) -> None:
    """The claim of `Lease`, under stops, kills and new starts at random; all moments are on the same clock."""
    chance = random.Random(4711)
    ends = time.monotonic() + 20
    all_processes: list[MemberProcess] = []

    async def torment(name: str) -> MemberProcess:
        process = await members.process(name)
        all_processes.append(process)
        while time.monotonic() < ends:
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            if chance.random() < 0.3:
                await process.kill()
                await asyncio.sleep(chance.choice([0.0, 0.0, 1.0, 4.0]))
                process = await members.process(name)
                all_processes.append(process)
            else:
                process.signal(signal.SIGSTOP)
                await asyncio.sleep(chance.choice([0.3, 2.2, 3.5, 4.5]))
                process.signal(signal.SIGCONT)
        return process

    calm = [await members.process(name) for name in ("c", "d")]
    all_processes.extend(calm)
    await share(*calm, *await asyncio.gather(torment("a"), torment("b")))
    assert len({one["generation"] for process in all_processes for one in process.assignments}) > 4
    assert [overlap for one in all_processes for overlap in overlaps(one, all_processes)] == []


def overlaps(one: MemberProcess, others: list[MemberProcess]) -> list[str]:
    """Looks at which a process had a lease on a shard that another name had been given in a later generation."""
    held = {line["generation"]: set(line["mine"]) for line in one.assignments}
    return [
        f"{one.name} had a lease in {look['generation']} at {look['at']}, {other.name} was given {given}"
        for look in one.looks
        if look["valid"]
        for other in others
        if other.name != one.name
        for given in other.assignments
        if given["generation"] > look["generation"] and given["at"] < look["at"]
        if held[look["generation"]] & set(given["mine"])
    ]
