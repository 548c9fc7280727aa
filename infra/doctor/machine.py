"""What `doctor` looks at on the machine: Python, binaries for this platform, disk, memory."""

import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from infra.doctor.findings import Finding, Level
from infra.launcher.home import Home
from infra.launcher.program import CannotStart
from infra.servers import java, postgres, redis
from infra.settings import Settings

DISK_WARN, DISK_FAIL = 5e9, 1e9
MEMORY_WARN, MEMORY_FAIL = 2e9, 1e9


def python() -> Finding:
    """The Python that everything runs on."""
    return Finding(Level.OK, "Python", f"{platform.python_version()} ({sys.executable})")


def server_binaries(settings: Settings) -> list[Finding]:
    """Whether the packages have a build of each embedded server for this platform."""
    makers: list[tuple[str, str | None, Callable[[], Path]]] = [
        ("Kafka", settings.kafka_bootstrap_servers, java.java),
        ("PostgreSQL", settings.postgres_dsn, postgres.binaries),
        ("Redis", settings.redis_url, redis.binary),
    ]
    return [_binary(name, find) for name, given, find in makers if not given]


def _binary(name: str, find: Callable[[], Path]) -> Finding:
    try:
        return Finding(Level.OK, name, f"{find()} on {platform.system()} {platform.machine()}")
    except CannotStart as error:
        return Finding(Level.FAIL, name, f"{platform.system()} {platform.machine()}:", str(error))


def disk(home: Home) -> Finding:
    """Room where the data goes."""
    folder = next(each for each in (home.root, *home.root.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    level = Level.FAIL if free < DISK_FAIL else Level.WARN if free < DISK_WARN else Level.OK
    advice = "" if level is Level.OK else "Free some, or set STOCKROOM_HOME to a folder on a larger disk."
    return Finding(level, "Disk", f"{free / 1e9:.1f} GB free at {folder}.", advice)


def memory() -> Finding:
    """Memory that is free or can be freed; all of Stockroom takes about 1.5 GB."""
    free = psutil.virtual_memory().available
    level = Level.FAIL if free < MEMORY_FAIL else Level.WARN if free < MEMORY_WARN else Level.OK
    advice = "" if level is Level.OK else "About 1.5 GB are needed: stop something else."
    return Finding(level, "Memory", f"{free / 1e9:.1f} GB available.", advice)
