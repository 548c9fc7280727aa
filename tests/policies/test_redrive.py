"""Retries of what a policy has parked, on real Kafka and PostgreSQL, with the real command API behind them."""

import asyncio
from collections.abc import Sequence
from typing import NoReturn

import asyncpg
import pytest

from domain.decider import Command
from event_schemas import codec
from event_schemas.event import REGISTRY, Event
from event_schemas.order import OrderFlagged, OrderPlaced
from event_schemas.record import Recorded
from policies.dead_letters import redrive as redriving
from policies.dead_letters.drop import NothingParked, drop
from policies.dead_letters.redrive import NotCarriedOut, Redriven
from policies.policy import Policy
from tests.policies.bench import Bench, ask_for_a_reader
from tests.support.orders import placed
from tests.support.poll import until

KEY = "key-1"


def order(bench: Bench, number: int) -> tuple[str, OrderPlaced]:
    """An order of the one key, for the one SKU, so that answers come in the order in which they were asked for."""
    return KEY, placed((bench.topic.upper(), 1), order_id=f"{bench.topic}-{number:03}")


def answers(bench: Bench, *numbers: int) -> list[str]:
    return [f"{bench.topic}-{number:03}/1" for number in numbers]


def broken(bench: Bench) -> Policy:
    def react(recorded: Recorded) -> NoReturn:
        raise ValueError("this code is broken")

    return bench.policy._replace(react=react)


async def caught_up(bench: Bench, *next_offsets: int) -> None:
    await until(bench.offsets, lambda found: found == dict(enumerate(next_offsets)))


async def park(bench: Bench, count: int) -> None:
    """Park that many orders of the key."""
    await bench.writer.append(0, [order(bench, number) for number in range(count)])
    async with bench.runner(broken(bench)):
        await caught_up(bench, 1 + count, 1)
    assert len(await bench.waiting()) == count


async def test_a_key_that_an_older_release_parked_for_a_type_it_did_not_know_goes_on_after_a_retry(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    flagged: tuple[str, Event] = KEY, OrderFlagged(order_id=f"{bench.topic}-000", reason="SHORTFALL", sku="A")
    with monkeypatch.context() as older:
        older.delitem(REGISTRY, next(name for name, cls in REGISTRY.items() if cls is OrderFlagged))
        codec._resolve.cache_clear()  # whoever decoded one before in this process
        await bench.writer.append(0, [flagged, order(bench, 0)])
        async with bench.runner():
            await caught_up(bench, 3, 1)
    codec._resolve.cache_clear()
    async with bench.runner():
        await bench.writer.append(0, [order(bench, 1)])
        await caught_up(bench, 4, 1)
        assert await bench.waiting() == [(1, "unknown_event_type"), (2, "queued_behind"), (3, "queued_behind")]
        assert await bench.redrive.retry(bench.policy) == Redriven(done=3)
        assert await bench.waiting() == []
        await bench.writer.append(0, [order(bench, 2)])
        await caught_up(bench, 5, 1)
    assert await bench.waiting() == []
    assert await bench.answered() == answers(bench, 0, 1, 2)


async def test_a_running_policy_learns_that_a_key_is_free_before_it_parks_behind_nothing(bench: Bench) -> None:
    await park(bench, 2)
    async with bench.runner() as runner:
        await until(lambda: _told(runner.standing.running), bool)
        assert await bench.redrive.retry(bench.policy, KEY.encode()) == Redriven(done=2)
        await bench.writer.append(0, [order(bench, 2)])
        await caught_up(bench, 4, 1)
    assert await bench.waiting() == []
    assert await bench.answered() == answers(bench, 0, 1, 2)


async def test_what_comes_while_it_is_retried_keeps_its_order_and_happens_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redriving, "PORTION", 3)
    await park(bench, 10)
    async with bench.runner():

        async def go_on() -> None:
            for number in range(10, 40):
                await bench.writer.append(0, [order(bench, number)])

        adding = asyncio.create_task(go_on())
        while not adding.done() or await bench.waiting():
            await asyncio.gather(bench.redrive.retry(bench.policy), bench.redrive.retry(bench.policy))
        await adding
        await caught_up(bench, 41, 1)
        while await bench.waiting():
            await bench.redrive.retry(bench.policy)
    assert await bench.answered() == answers(bench, *range(40))


async def test_it_ends_at_the_first_of_a_key_that_fails_again_and_says_why(bench: Bench) -> None:
    await park(bench, 4)

    def react(recorded: Recorded) -> Sequence[Command]:
        if isinstance(recorded.event, OrderPlaced) and recorded.event.order_id.endswith("002"):
            raise LookupError("still not right")
        return ask_for_a_reader(recorded)

    half = bench.policy._replace(react=react)
    assert await bench.redrive.retry(half) == Redriven(done=2, failed=1, waiting=1)
    assert await bench.waiting() == [(3, "reaction_failed"), (4, "queued_behind")]
    row = await bench.postgres.fetchrow(
        "SELECT attempts, error FROM policies.parked WHERE policy = $1 AND record_offset = 3", bench.policy.name
    )
    assert tuple(row or ()) == (2, "LookupError: still not right")
    assert await bench.answered() == answers(bench, 0, 1)
    assert await bench.redrive.retry(bench.policy) == Redriven(done=2)
    assert await bench.answered() == answers(bench, 0, 1, 2, 3)


async def test_one_that_is_killed_between_the_commands_and_its_commit_is_repeated_without_harm(bench: Bench) -> None:
    await park(bench, 3)
    async with bench.postgres.acquire() as other:
        held = other.transaction()
        await held.start()
        await other.execute("SELECT FROM policies.parked WHERE policy = $1 FOR UPDATE", bench.policy.name)
        retrying = asyncio.create_task(bench.redrive.retry(bench.policy))
        await until(bench.answered, lambda found: found == answers(bench, 0, 1, 2))
        waiting = await until(lambda: _blocked_by(bench, other), bool)
        await bench.postgres.execute("SELECT pg_terminate_backend($1)", waiting)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await retrying
        await held.rollback()
    assert len(await bench.waiting()) == 3
    assert await bench.redrive.retry(bench.policy) == Redriven(done=3)
    assert await bench.waiting() == []
    assert await bench.answered() == answers(bench, 0, 1, 2)


async def test_while_the_command_api_is_away_nothing_is_taken_out(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await park(bench, 2)
    monkeypatch.setattr(redriving, "PATIENCE_SECONDS", 0.5)
    await bench.cable.cut()
    with pytest.raises(NotCarriedOut, match=r"gave up after 0\.5 s: the command API"):
        await bench.redrive.retry(bench.policy)
    await bench.cable.mend()
    assert len(await bench.waiting()) == 2
    monkeypatch.undo()
    assert await bench.redrive.retry(bench.policy) == Redriven(done=2)


async def test_a_command_api_that_hangs_is_told_as_the_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    await park(bench, 2)
    monkeypatch.setattr(redriving, "PATIENCE_SECONDS", 0.5)
    bench.cable.freeze()
    try:
        with pytest.raises(NotCarriedOut, match=r"gave up after 0\.5 s: the command API does not answer"):
            await bench.redrive.retry(bench.policy)
    finally:
        bench.cable.thaw()
    assert len(await bench.waiting()) == 2


async def test_a_dropped_record_never_happens_and_those_behind_it_do(bench: Bench) -> None:
    await park(bench, 3)
    dropped = await drop(bench.redrive, bench.policy, bench.topic, 0, 1, "made by a test script")
    assert (dropped.already, dropped.reason, dropped.actor) == (False, "made by a test script", "staff:test")
    assert dropped.behind == Redriven(done=2)
    async with bench.runner():
        await bench.writer.append(0, [order(bench, 3)])
        await caught_up(bench, 5, 1)
    assert await bench.waiting() == []
    assert await bench.answered() == answers(bench, 1, 2, 3)
    again = await drop(bench.redrive, bench.policy, bench.topic, 0, 1, "another reason")
    assert (again.already, again.reason) == (True, "made by a test script")
    with pytest.raises(NothingParked):
        await drop(bench.redrive, bench.policy, bench.topic, 0, 2, "never parked now")


async def test_who_retried_and_dropped_what_stands_in_the_audit(bench: Bench) -> None:
    await park(bench, 2)
    await drop(bench.redrive, bench.policy, bench.topic, 0, 1, "no")
    rows = await bench.postgres.fetch(
        "SELECT actor, action, outcome FROM policies.audit WHERE policy = $1 ORDER BY id", bench.policy.name
    )
    assert [tuple(row) for row in rows] == [
        ("staff:test", "drop", '{"offset": 1, "reason": "no"}'),
        ("staff:test", "retry", '{"failed": {}, "refused": [], "carried_out": [2]}'),
    ]


async def test_an_import_that_is_retried_later_is_still_history(bench: Bench) -> None:
    await park(bench, 1)
    appended = await bench.postgres.fetchval(
        "SELECT appended_ms FROM policies.parked WHERE policy = $1", bench.policy.name
    )
    assert appended > 1_600_000_000_000
    await bench.redrive.retry(bench.policy)
    (answer,) = [one for one in await bench.records("stock") if one.key == bench.topic.upper().encode()]
    assert dict(answer.headers)["ce_time"] == b"2010-12-01T08:26:00.000000Z"


async def _told(value: bool) -> bool:
    return value


async def _blocked_by(bench: Bench, other: asyncpg.pool.PoolConnectionProxy) -> int | None:
    blocked: int | None = await bench.postgres.fetchval(
        "SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))", other.get_server_pid()
    )
    return blocked
