"""Processor time and memory of everything that runs, by name, with what each program started."""

import contextlib
import resource
from collections.abc import Mapping

import psutil

from infra.launcher.supervised import Supervised


def processor_seconds(members: Mapping[str, Supervised]) -> dict[str, float]:
    """Seconds of processor time since each program's start, its ended children included where the system tells them;
    `commands` are the commands that this process has run and seen end."""
    found = {name: sum(map(_seconds, _family(member.pid))) for name, member in members.items()}
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {**found, "commands": ended.ru_utime + ended.ru_stime}


def memory_mb(members: Mapping[str, Supervised]) -> dict[str, int]:
    """Resident memory in MB by name. Pages that PostgreSQL's processes share count once for each of them."""
    found = {}
    for name, member in members.items():
        sizes = []
        for process in _family(member.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                sizes.append(process.memory_info().rss)
        found[name] = round(sum(sizes) / 2**20)
    return found


def _family(pid: int | None) -> list[psutil.Process]:
    if pid is None:
        return []
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
