"""A supervised program: watched until it is ready, started again when it dies, stopped for good when asked to."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from infra.launcher.group import Group, StartFailed
from infra.launcher.home import Home
from infra.launcher.program import NotReady, Program
from infra.launcher.record import read
from infra.launcher.supervised import Supervised

SERVES = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)"


def program(folder: Path, code: str = SERVES, stop_seconds: float = 10.0) -> Program:
    """A program that is ready when it has made its file."""
    made = folder / "made"

    async def check() -> None:
        if not made.exists():
            raise NotReady("has not made its file")

    return Program(
        "sleeper",
        (sys.executable, "-c", code, str(made)),
        "",
        {},
        check,
        prepare=lambda: made.unlink(missing_ok=True),
        stop_seconds=stop_seconds,
    )


async def until(is_so: Callable[[], bool]) -> None:
    """Returns once it is so; raises `TimeoutError` after 20 s."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 (what is waited for is another process)
            await asyncio.sleep(0.02)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, tmp_path / "cache")


@pytest.fixture
async def supervised(home: Home) -> AsyncIterator[Supervised]:
    found = Supervised(program(home.root), home)
    found.start()
    async with asyncio.timeout(20):
        await found.is_ready.wait()
    yield found
    await found.stop()


async def test_it_is_noted_while_it_runs_and_forgotten_when_it_stops(supervised: Supervised, home: Home) -> None:
    record = read(home.run / "sleeper.json")
    assert record is not None
    assert record.pid == supervised.pid
    await supervised.stop()
    assert supervised.state == "stopped"
    assert read(home.run / "sleeper.json") is None


async def test_it_is_started_again_after_kill_9(supervised: Supervised) -> None:
    killed = supervised.pid
    assert killed is not None
    psutil.Process(killed).kill()
    await until(lambda: supervised.pid not in (None, killed) and supervised.is_ready.is_set())
    assert supervised.restarts == 1


async def test_it_can_be_stopped_and_started_again(supervised: Supervised) -> None:
    await supervised.stop()
    supervised.start()
    await until(lambda: supervised.state == "ready")
    assert supervised.pid is not None


async def test_one_that_ignores_its_signal_is_killed_after_its_bound(home: Home) -> None:
    deaf = f"import signal; signal.signal({int(signal.SIGTERM)}, signal.SIG_IGN); {SERVES}"
    supervised = Supervised(program(home.root, deaf, stop_seconds=0.2), home)
    supervised.start()
    async with asyncio.timeout(20):
        await supervised.is_ready.wait()
        pid = supervised.pid
        await supervised.stop()
    assert pid is not None
    assert not psutil.pid_exists(pid)


async def test_a_start_that_dies_three_times_fails_with_its_last_words(home: Home) -> None:
    group = Group([program(home.root, "raise SystemExit('the table is missing')")], home)
    with pytest.raises(StartFailed, match="the table is missing"):
        await group.start(30.0)
    await group.stop(in_turn=True)


async def test_a_failed_start_shows_its_own_log_lines_and_none_of_earlier_runs(home: Home) -> None:
    path = home.log("sleeper")
    path.parent.mkdir(parents=True)
    path.write_text("a stale line\n")
    group = Group([program(home.root, "raise SystemExit('the table is missing')")], home)
    with pytest.raises(StartFailed, match="the table is missing") as failed:
        await group.start(30.0)
    await group.stop(in_turn=True)
    assert "a stale line" not in str(failed.value)


async def test_a_failed_start_that_wrote_nothing_says_so(home: Home) -> None:
    path = home.log("sleeper")
    path.parent.mkdir(parents=True)
    path.write_text("a stale line\n")
    group = Group([program(home.root, "raise SystemExit(1)")], home)
    with pytest.raises(StartFailed, match="wrote nothing") as failed:
        await group.start(30.0)
    await group.stop(in_turn=True)
    assert "a stale line" not in str(failed.value)


async def test_a_start_that_is_never_ready_fails_with_the_reason(home: Home) -> None:
    group = Group([program(home.root, "import time; time.sleep(600)")], home)
    with pytest.raises(StartFailed, match="has not made its file"):
        await group.start(0.5)
    await group.stop(in_turn=True)
