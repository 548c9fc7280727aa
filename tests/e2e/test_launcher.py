"""The launcher as a person uses it: up, look, kill, down, up again; in a home and on ports of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.launcher.processes import PROCESSES
from infra.launcher.record import read, read_all
from infra.settings import REPOSITORY, Settings

NAMES = ["kafka", "postgres", "redis", *(name for name, _, _ in PROCESSES)]

pytestmark = pytest.mark.timeout(400)


class Copy:
    """A second copy of Stockroom beside the one of the tests."""

    def __init__(self, root: Path) -> None:
        fields = [name for name in Settings.model_fields if name.endswith("_port")]
        ports = dict(zip(fields, free_ports(len(fields)), strict=True))
        self.home = Home(root, Home.of(Settings()).cache)
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("STOCKROOM_")}
        self.environment |= {f"STOCKROOM_{name.upper()}": str(port) for name, port in ports.items()}
        self.environment |= {"STOCKROOM_HOME": str(root), "STOCKROOM_CACHE": str(self.home.cache)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "infra.cli", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def pid(self, name: str) -> int:
        record = read(self.home.run / f"{name}.json")
        assert record is not None
        return record.pid

    def restarts(self) -> dict[str, int]:
        state = json.loads((self.home.run / "state" / "state.json").read_text())
        return {each["name"]: each["restarts"] for each in state["processes"]}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    root = tmp_path_factory.mktemp("launcher")
    # PostgreSQL may run as another user than the one whose folders these are.
    for folder in (root, root.parent, root.parent.parent):
        folder.chmod(0o755)
    found = Copy(root)
    yield found
    found.run("down")
    assert [record.name for record in read_all(found.home.run) if record.process()] == []


def until(is_so: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)


def test_the_life_of_a_copy(copy: Copy) -> None:
    """One story in one test, since each `up` takes seconds: up, up again, killed servers and processes, down, crash."""
    first = copy.run("up", "--detach")
    assert first.returncode == 0, first.stdout + first.stderr
    assert all(name in first.stdout for name in NAMES)
    assert copy.run("status").returncode == 0

    again = copy.run("up")
    assert again.returncode == 0
    assert "Already up" in again.stdout
    assert "down first" in copy.run("reset", "--yes").stdout

    for name in NAMES:
        psutil.Process(copy.pid(name)).kill()
    until(lambda: all(count >= 1 for count in copy.restarts().values()))
    until(lambda: copy.run("status").returncode == 0)

    topics = copy.run("kafka-topics", "--list").stdout.split()
    assert "orders" in topics
    pids = [copy.pid(name) for name in NAMES]
    assert copy.run("down").returncode == 0
    assert [pid for pid in pids if psutil.pid_exists(pid)] == []
    assert "nothing is running" in copy.run("down").stdout
    assert copy.run("status").returncode == 3

    assert copy.run("up", "--detach").returncode == 0
    assert copy.run("kafka-topics", "--list").stdout.split() == topics
    psutil.Process(copy.pid("supervisor")).kill()
    orphans = copy.run("down")
    assert orphans.returncode == 0
    assert "left behind" in orphans.stdout

    assert copy.run("reset", "--yes").returncode == 0
    assert not copy.home.data("kafka").exists()
