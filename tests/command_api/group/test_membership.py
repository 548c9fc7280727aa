"""Members of one group in one process, on real Kafka."""

import asyncio
import time
from typing import Any

import pytest
import structlog
from aiokafka.conn import AIOKafkaConnection

from command_api.group.membership import TAKEN_SECONDS, Membership
from command_api.group.routing import NOWHERE, Routing
from tests.command_api.group.members import PARTITIONS, Members, has_lease, settled
from tests.support.cable import Cable
from tests.support.in_time import in_time
from tests.support.log import Entry, LogWriter
from tests.support.poll import until

ALL = set(range(PARTITIONS))


async def test_one_member_gets_all_shards_and_a_lease(members: Members) -> None:
    alone = members.start("a")
    assert (alone.routing, alone.lease_valid()) == (NOWHERE, False)
    routing = await settled(alone)
    assert routing.mine == ALL
    assert {routing.owner(shard) for shard in ALL} == {"http://a:8001"}
    assert routing.owner(PARTITIONS) is None
    await has_lease(alone)


async def test_three_members_share_the_shards_and_know_the_same_routing(members: Members) -> None:
    three = [members.start(name) for name in ("a", "b", "c")]
    routing = await settled(*three)
    assert {len(member.routing.mine) for member in three} == {PARTITIONS // 3}
    for member, name in zip(three, ("a", "b", "c"), strict=True):
        assert member.routing.owners == routing.owners
        assert {shard for shard in ALL if routing.owner(shard) == f"http://{name}:8001"} == member.routing.mine
        await has_lease(member)


async def test_a_newcomer_takes_only_its_share(members: Members) -> None:
    a, b = members.start("a"), members.start("b")
    before = (await settled(a, b)).owners
    c = members.start("c")
    after = (await settled(a, b, c)).owners
    assert {shard for shard in ALL if before[shard] != after[shard]} == c.routing.mine


async def test_the_shards_of_one_that_leaves_are_with_the_others_at_once(members: Members) -> None:
    a, b = members.start("a"), members.start("b")

    async def taken_over() -> float:
        c = members.start("c")
        before = (await settled(a, b, c)).owners
        left_behind = c.routing.mine
        started = time.monotonic()
        await c.leave()
        after = (await settled(a, b)).owners
        took = time.monotonic() - started
        assert {shard for shard in ALL if before[shard] != after[shard]} == left_behind
        assert not c.lease_valid()
        await asyncio.wait_for(members.tasks[c], 20)
        return took

    await in_time(0.3, taken_over)


async def test_a_member_that_comes_back_under_its_name_finds_its_shards_and_nobody_else_notices(
    members: Members,
) -> None:
    a, b = members.start("a"), members.start("b")
    await settled(a, b)
    before = a.routing, b.routing
    for crashed in (b, a):  # one of them is the group's leader
        assert members.tasks[crashed]
        await members.crash(crashed)
        assert not crashed.lease_valid()
    again = members.start("a"), members.start("b")
    for member in again:
        assert await member.newer(0, 10)
        await has_lease(member)
    assert tuple(member.routing for member in again) == before


async def test_the_new_address_of_a_member_that_comes_back_gets_known(members: Members) -> None:
    a, b = members.start("a"), members.start("b")
    before = await settled(a, b)
    shards = b.routing.mine
    await members.crash(b)
    b = members.start("b", "http://elsewhere:9")
    assert await a.newer(before.generation, 10)
    await settled(a, b)
    assert b.routing.mine == shards
    assert {a.routing.owner(shard) for shard in shards} == {"http://elsewhere:9"}


async def test_a_second_process_under_the_same_name_makes_the_first_stay_away(members: Members) -> None:
    with structlog.testing.capture_logs() as logs:
        first = members.start("a", session_seconds=60)  # its lease outlasts a machine that stands still
        await settled(first)
        second = members.start("a", session_seconds=60)
        await settled(second)
        await has_lease(first, expected=False)
        began = time.monotonic()
        await has_lease(second)
        while time.monotonic() - began < TAKEN_SECONDS / 2:
            assert second.lease_valid()
            assert not first.lease_valid()
            await asyncio.sleep(0.05)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["instance id in use twice"]


async def test_waiting_for_a_newer_routing_ends_with_it_or_with_the_time(members: Members) -> None:
    a = members.start("a")
    first = await a.newer(0, 10)
    assert first == a.routing
    assert await a.newer(0, 0) == first
    assert first is not None
    waiting = asyncio.create_task(a.newer(first.generation, 10))
    assert await a.newer(first.generation, 0.05) is None
    assert not waiting.done()
    members.start("b")
    found = await waiting
    assert found is not None
    assert found.generation > first.generation


async def test_each_new_routing_is_told_once_and_nothing_is_taken_away_in_between(members: Members) -> None:
    told: list[Routing] = []
    a = members.start("a")
    a.on_change.append(told.append)
    await settled(a)
    b = members.start("b")

    async def routing() -> Routing:
        assert a.routing.mine  # also while the rebalance runs
        return a.routing

    await until(routing, lambda found: len(found.mine) == PARTITIONS / 2)
    await b.leave()
    await settled(a)
    assert [len(routing.mine) for routing in told] == [PARTITIONS, PARTITIONS / 2, PARTITIONS]
    assert told[-1] is a.routing


async def test_a_callback_that_fails_ends_the_run_with_its_error(members: Members) -> None:
    def fail(routing: Routing) -> None:
        raise RuntimeError("no writers")

    a = members.member("a")
    a.on_change.append(fail)
    with pytest.raises(RuntimeError, match="no writers"):
        await asyncio.wait_for(a.run(), 10)
    assert not a.lease_valid()


async def test_no_record_is_fetched_though_the_topics_are_full(
    members: Members, monkeypatch: pytest.MonkeyPatch
) -> None:
    for topic in members.topics:
        async with LogWriter(members.bootstrap_servers, topic) as log:
            for partition in range(PARTITIONS):
                await log.append_raw(partition, [Entry(b"key", b"value", [])] * 100)
    asked: list[int] = []
    send = AIOKafkaConnection.send

    def noting(connection: AIOKafkaConnection, request: Any, *rest: Any, **named: Any) -> Any:
        if str(connection._client_id).startswith("stockroom-"):
            asked.append(request.API_KEY)
        return send(connection, request, *rest, **named)

    monkeypatch.setattr(AIOKafkaConnection, "send", noting)
    a, b = members.start("a"), members.start("b")
    await settled(a, b)

    async def heartbeats() -> int:
        return asked.count(12)

    await until(heartbeats, lambda count: count > 20)
    metadata, find_coordinator, join, heartbeat, leave, sync, versions = 3, 10, 11, 12, 13, 14, 18
    assert set(asked) <= {metadata, find_coordinator, join, heartbeat, leave, sync, versions}


async def test_it_joins_when_kafka_comes_and_says_once_that_it_waits(members: Members) -> None:
    host, port = members.bootstrap_servers.rsplit(":", 1)
    cable, attempts = Cable(host, int(port)), 0

    async def turn_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal attempts
        attempts += 1
        writer.transport.abort()

    async def ask() -> int:
        return attempts

    with structlog.testing.capture_logs() as logs:
        async with await asyncio.start_server(turn_away, "127.0.0.1", 0) as nobody:
            cable.port = nobody.sockets[0].getsockname()[1]
            members.bootstrap_servers = f"127.0.0.1:{cable.port}"
            a = members.start("a")
            await until(ask, lambda count: count >= 4)
        async with cable:
            await settled(a)
    assert [line["event"] for line in logs] == ["out of the group, trying again", "shards assigned"]


async def test_leaving_does_not_wait_for_a_kafka_that_is_away(members: Members) -> None:
    host, port = members.bootstrap_servers.rsplit(":", 1)
    async with Cable(host, int(port)) as cable:
        cable.freeze()
        members.bootstrap_servers = f"127.0.0.1:{cable.port}"
        a = members.start("a", session_seconds=60)  # so long an answer of Kafka would be waited for
        started = time.monotonic()
        await asyncio.sleep(0.1)
        await a.leave()
        assert time.monotonic() - started < 20
        await cable.cut()
        await asyncio.gather(members.tasks.pop(a), return_exceptions=True)


def test_a_session_that_leaves_no_room_for_a_lease_is_refused() -> None:
    with pytest.raises(ValueError, match="session is too short"):
        Membership("127.0.0.1:1", ["orders"], 1, "http://a", "a", "group", session_seconds=1.2, heartbeat_seconds=0.3)
