"""Notes of processes: only the very process that was noted is ever stopped."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.launcher.home import Home
from infra.launcher.orphans import stop_orphans
from infra.launcher.record import ProcessRecord, read, read_all

SLEEPS = "import time; print('ready', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)


def started(code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    with started(SLEEPS) as process:
        yield process
        process.kill()


def note(process: subprocess.Popen[str], stop_seconds: float = 10.0) -> ProcessRecord:
    record = ProcessRecord.of("sleeper", process.pid, signal.SIGTERM, stop_seconds)
    assert record is not None
    return record


def test_a_noted_process_is_stopped_by_its_signal(sleeper: subprocess.Popen[str]) -> None:
    assert note(sleeper).stop()
    assert sleeper.wait(10) == -signal.SIGTERM


def test_a_process_that_ignores_its_signal_is_killed_after_its_bound() -> None:
    with started(STUBBORN) as process:
        assert note(process, stop_seconds=0.2).stop()
        assert process.wait(10) == -signal.SIGKILL


def test_another_process_with_the_same_pid_is_left_alone(sleeper: subprocess.Popen[str]) -> None:
    stranger = replace(note(sleeper), created=note(sleeper).created - 3600)
    assert stranger.process() is None
    assert not stranger.stop()
    assert sleeper.poll() is None


def test_a_process_that_has_ended_counts_as_ended_before_it_is_reaped(sleeper: subprocess.Popen[str]) -> None:
    record = note(sleeper)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)  # until it has ended, without reaping it
    assert record.process() is None


def test_a_note_survives_being_written_and_read(sleeper: subprocess.Popen[str], tmp_path: Path) -> None:
    record = note(sleeper)
    record.save(tmp_path)
    assert read_all(tmp_path) == [record]


def test_a_note_that_was_replaced_is_not_forgotten(sleeper: subprocess.Popen[str], tmp_path: Path) -> None:
    record = note(sleeper)
    replace(record, pid=record.pid + 1).save(tmp_path)
    record.forget(tmp_path)
    assert len(read_all(tmp_path)) == 1


def test_a_broken_note_is_none(tmp_path: Path) -> None:
    (tmp_path / "kafka.json").write_text('{"pid": 1')
    assert read(tmp_path / "kafka.json") is None


def test_what_a_killed_supervisor_left_is_stopped_and_forgotten(sleeper: subprocess.Popen[str], tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path / "cache")
    note(sleeper).save(home.run)
    assert stop_orphans(home) == ["sleeper"]
    assert sleeper.wait(10) == -signal.SIGTERM
    assert stop_orphans(home) == []
