"""How long starts take: warm in a home that is there, and cold from a clean clone with nothing fetched or installed."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.figures import Figure, Section
from benchmarks.stage import CommandFailed
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.settings import REPOSITORY, Settings

TARGET_WARM_SECONDS = 15.0
COMMAND_SECONDS = 1_200.0
# Of the user's environment the cold start sees neither settings of this product nor caches nor a virtual environment.
FORGOTTEN = ("STOCKROOM_", "XDG_", "PIP_CACHE_DIR", "VIRTUAL_ENV", "PYTHONPATH")


async def measure(times: int, *, cold: bool) -> list[Section]:
    """`times` warm starts and stops, then a tour; with `cold` the same from a clean clone. Raises `CommandFailed`."""
    return [_warm(times), *([_cold()] if cold else [])]


def _warm(times: int) -> Section:
    with tempfile.TemporaryDirectory(prefix="stockroom-bench-") as folder:
        Path(folder).chmod(0o755)
        cache = Home.of(Settings()).cache
        environment = {**os.environ, **_ports(), "STOCKROOM_HOME": folder, "STOCKROOM_CACHE": str(cache)}
        with _stopped_at_the_end(REPOSITORY, environment):
            first = _seconds(["./stockroom", "up", "--detach"], REPOSITORY, environment)
            ups, downs = [], []
            for _ in range(times):
                downs.append(_seconds(["./stockroom", "down"], REPOSITORY, environment))
                ups.append(_seconds(["./stockroom", "up", "--detach"], REPOSITORY, environment))
            tour = _seconds(["./stockroom", "demo"], REPOSITORY, environment)
    return Section(
        "warm: servers fetched and packages installed before",
        [
            Figure("up --detach in an empty home", round(first, 1), "s"),
            Figure(f"up --detach in a home that is there, median of {times}", round(median(ups), 1), "s",
                   TARGET_WARM_SECONDS),
            Figure("the slowest of them", round(max(ups), 1), "s"),
            Figure(f"down, median of {times}", round(median(downs), 1), "s"),
            Figure("demo", round(tour, 1), "s"),
        ],
    )  # fmt: skip


def _cold() -> Section:
    with tempfile.TemporaryDirectory(prefix="stockroom-cold-") as folder:
        root, clone = Path(folder), Path(folder) / "clone"
        root.chmod(0o755)
        (root / "home").mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(FORGOTTEN)}
        # The Python that made this environment, without the environment: what is installed there is not in the clone's.
        path = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), kept.get("PATH", "")])
        environment = {**kept, **_ports(), "HOME": str(root / "home"), "PATH": path}
        cloning = _seconds(["git", "clone", "--quiet", "--no-local", str(REPOSITORY), str(clone)], root, environment)
        with _stopped_at_the_end(clone, environment):
            up = _seconds(["./stockroom", "up", "--detach"], clone, environment)
            tour = _seconds(["./stockroom", "demo"], clone, environment)
        commit = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=clone, capture_output=True, text=True, check=True
        )
    return Section(
        f"cold: a clean clone of {commit.stdout.strip()}, nothing installed, nothing fetched, an empty HOME",
        [
            Figure("git clone", round(cloning, 1), "s"),
            Figure("up --detach: packages installed, servers fetched, all ready", round(up, 1), "s"),
            Figure("demo", round(tour, 1), "s"),
            Figure("all together", round(cloning + up + tour, 1), "s"),
        ],
    )


def _ports() -> dict[str, str]:
    names = [name for name in Settings.model_fields if name.endswith("_port")]
    ports = free_ports(len(names))
    return {f"STOCKROOM_{name.upper()}": str(port) for name, port in zip(names, ports, strict=True)}


@contextmanager
def _stopped_at_the_end(repository: Path, environment: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    finally:
        _seconds(["./stockroom", "down"], repository, environment)


def _seconds(command: list[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Run a command to its end; how long it took. Raises `CommandFailed` with its output."""
    began = time.monotonic()
    ended = subprocess.run(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS,
    )
    if ended.returncode != 0:
        raise CommandFailed(f"{' '.join(command)} ended with {ended.returncode}:\n{ended.stdout}")
    return time.monotonic() - began
