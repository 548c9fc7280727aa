"""PostgreSQL that is slow, stopped, broken off in the middle, or whose answer is lost."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from command_api.snapshots import mark_rows
from command_api.snapshots.postgres_store import PostgresSnapshots
from command_api.snapshots.snapshot import Mark, Place, SnapshotAway
from command_api.snapshots.transaction import writing
from infra.settings import Settings
from tests.command_api.snapshots.samples import begin, begun, generation, kept, keys, mark
from tests.support.cable import Cable
from tests.support.poll import until

SECONDS = 1.0


class LosesAnswers(Cable):
    """A cable that can pass a commit on and then freezes, so that its answer does not come."""

    loses = False

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._flows.wait()
            sink.write(data)
            if self.loses and b"COMMIT;" in data:
                self.freeze()
        sink.transport.abort()


@pytest.fixture
async def cable(settings: Settings) -> AsyncIterator[LosesAnswers]:
    target = urlsplit(settings.dsn)
    made = LosesAnswers(target.hostname or "127.0.0.1", target.port or 5432)
    async with made:
        yield made


@pytest.fixture
async def far_store(
    settings: Settings, store: PostgresSnapshots, cable: LosesAnswers, unique: str
) -> AsyncIterator[PostgresSnapshots]:
    """A store at the other end of the cable; the tables are there."""
    target = urlsplit(settings.dsn)
    dsn = urlunsplit(target._replace(netloc=f"{target.username}@127.0.0.1:{cable.port}"))
    async with asyncpg.create_pool(dsn, min_size=0, max_size=2, server_settings={"application_name": unique}) as pool:
        yield PostgresSnapshots(pool, seconds=SECONDS)
        cable.thaw()


async def every_call_is_away(store: PostgresSnapshots, place: Place) -> None:
    calls = (
        store.prepare,
        lambda: begin(store, place),
        lambda: store.save(place, None, mark(10), [kept("a")], None),
        lambda: store.load(place, ["a"]),
        lambda: store.forget(place),
    )
    for call in calls:
        started = time.monotonic()
        with pytest.raises(SnapshotAway):
            await call()
        assert time.monotonic() - started < SECONDS + 10  # without a bound it is a minute, or for ever


async def test_a_server_that_refuses_connections_is_away(
    far_store: PostgresSnapshots, cable: LosesAnswers, place: Place
) -> None:
    await cable.cut()
    await every_call_is_away(far_store, place)
    await cable.mend()
    assert await begin(far_store, place) is None


async def test_a_server_that_breaks_a_connection_in_a_call_is_away_and_comes_back(
    far_store: PostgresSnapshots, cable: LosesAnswers, place: Place
) -> None:
    await far_store.save(place, None, mark(10), [kept("a")], None)
    cable.freeze()
    loading = asyncio.create_task(far_store.load(place, ["a"]))
    await asyncio.sleep(0)
    await cable.cut()
    with pytest.raises(SnapshotAway):
        await loading
    await cable.mend()
    cable.thaw()
    assert await far_store.load(place, ["a"]) == {"a": kept("a")}


async def test_a_server_that_is_stopped_is_away_in_time_and_comes_back(
    far_store: PostgresSnapshots, cable: LosesAnswers, place: Place
) -> None:
    await far_store.save(place, None, mark(10), [kept("a")], None)
    cable.freeze()
    await every_call_is_away(far_store, place)
    cable.thaw()
    assert (await begun(far_store, place)).mark == mark(10)


async def test_a_save_whose_connection_is_terminated_has_done_nothing(
    postgres: asyncpg.Pool, far_store: PostgresSnapshots, place: Place, unique: str
) -> None:
    await far_store.save(place, None, mark(10), [kept("a")], keys("first"))
    of = await generation(postgres, place)
    async with postgres.acquire() as other:
        in_the_way = other.transaction()
        await in_the_way.start()
        # The save waits for this row: by then it has replaced the states, and not yet moved the mark.
        await other.execute("INSERT INTO command_api.segments VALUES ($1, 10, 20, 0, 0, '', 0, '', 0)", of)
        saving = asyncio.create_task(
            far_store.save(place, mark(10), mark(20), [kept("a", 2), kept("b")], keys("second"))
        )
        blocked = "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
        pid = await until(lambda: postgres.fetchval(blocked, unique), lambda found: found is not None)
        await postgres.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(SnapshotAway):
            await saving
        await in_the_way.rollback()
    base = await begun(far_store, place)
    assert (base.mark, base.keys, "b" in base.known) == (mark(10), [keys("first")], False)
    assert await far_store.load(place, ["a", "b"]) == {"a": kept("a")}
    await far_store.save(place, mark(10), mark(20), [kept("a", 2), kept("b")], keys("second"))
    assert await far_store.load(place, ["a", "b"]) == {"a": kept("a", 2), "b": kept("b")}


@pytest.mark.parametrize("before", [None, mark(10)], ids=["the first", "a later one"])
@pytest.mark.parametrize("after", [mark(30), mark(20)], ids=["and more", "the same"])
async def test_a_save_whose_answer_was_lost_is_built_on(
    store: PostgresSnapshots,
    far_store: PostgresSnapshots,
    cable: LosesAnswers,
    place: Place,
    before: Mark | None,
    after: Mark,
) -> None:
    assert await begin(far_store, place) is None
    if before is not None:
        await far_store.save(place, None, before, [kept("a")], keys("first"))
    cable.loses = True
    with pytest.raises(SnapshotAway):
        await far_store.save(place, before, mark(20), [kept("a", 2), kept("b")], keys("second"))
    await until(lambda: begin(store, place), lambda base: base is not None and base.mark == mark(20))
    cable.loses = False
    cable.thaw()
    assert await far_store.load(place, ["a", "b"]) == {"a": kept("a", 2), "b": kept("b")}
    await far_store.save(place, before, after, [kept("a", 2), kept("b")], keys("second"))
    base = await begun(store, place)
    assert base.mark == after
    assert keys("second") in base.keys
    assert await far_store.load(place, ["a", "b"]) == {"a": kept("a", 2), "b": kept("b")}


async def test_a_process_that_is_stopped_in_a_save_does_not_hold_up_its_successor(
    settings: Settings, store: PostgresSnapshots, place: Place
) -> None:
    await store.save(place, None, mark(10), [kept("a")], None)
    locked, goes_on = threading.Event(), threading.Event()

    async def save_and_be_stopped() -> None:
        pool = asyncpg.create_pool(settings.dsn, min_size=0, max_size=1)
        async with pool, writing(pool, SECONDS) as connection:
            await mark_rows.lock(connection, place)
            locked.set()
            goes_on.wait(30)  # its event loop runs no more, as in a process that got SIGSTOP

    stopped = asyncio.create_task(asyncio.to_thread(asyncio.run, save_and_be_stopped()))
    await asyncio.to_thread(locked.wait, 30)
    await store.save(place, mark(10), mark(20), [kept("a", 2)], None)
    goes_on.set()
    with pytest.raises(SnapshotAway):
        await stopped
    assert (await begun(store, place)).mark == mark(20)


@pytest.mark.parametrize("turns", [0, 1, 3, 10, 100])
async def test_a_call_that_is_cancelled_leaves_a_pool_that_works(
    far_store: PostgresSnapshots, cable: LosesAnswers, place: Place, turns: int
) -> None:
    await far_store.save(place, None, mark(10), [kept("a")], None)
    cable.freeze()
    calls = [asyncio.create_task(far_store.load(place, ["a"])) for _ in range(2)]
    for _ in range(turns):
        await asyncio.sleep(0)  # one step further into the call
    for call in calls:
        call.cancel()
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
    cable.thaw()
    assert await far_store.load(place, ["a"]) == {"a": kept("a")}
