"""A note of each running process, so that it can be stopped by whoever comes later, and nothing else ever is.

A pid alone says nothing: the system hands it out again. The note also keeps the time the process was created, and only
a process that has both is ours.
"""

import contextlib
import json
import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

CREATED_TOLERANCE = 1.0
FAMILY_SECONDS = 1.0
KILL_SECONDS = 10.0


@dataclass(frozen=True)
class ProcessRecord:
    """One process that was started here: pid, creation time in seconds since 1970, and how it wants to be stopped."""

    name: str
    pid: int
    created: float
    stop_signal: int = int(signal.SIGTERM)
    stop_seconds: float = 15.0

    @classmethod
    def of(cls, name: str, pid: int, stop_signal: int, stop_seconds: float) -> "ProcessRecord | None":
        """A note of the process that has this pid now; None when it has ended already."""
        try:
            return cls(name, pid, psutil.Process(pid).create_time(), int(stop_signal), stop_seconds)
        except psutil.NoSuchProcess:
            return None

    def save(self, folder: Path) -> None:
        """Writes the note to `folder/NAME.json`, whole or not at all."""
        write_whole(folder / f"{self.name}.json", json.dumps(asdict(self)))

    def forget(self, folder: Path) -> None:
        """Removes the note, unless another process has taken its place."""
        if read(folder / f"{self.name}.json") == self:
            (folder / f"{self.name}.json").unlink(missing_ok=True)

    def process(self) -> psutil.Process | None:
        """The process itself, if it still runs and is the very one that was noted; a zombie counts as ended."""
        try:
            process = psutil.Process(self.pid)
            is_ours = abs(process.create_time() - self.created) < CREATED_TOLERANCE
            return process if is_ours and _runs(process) else None
        except psutil.NoSuchProcess:
            return None

    def stop(self) -> bool:
        """Stops the process and what it started: its signal, after `stop_seconds` SIGKILL. False: it ran no more."""
        process = self.process()
        if process is None:
            return False
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [*process.children(recursive=True), process]
            process.send_signal(self.stop_signal)
            _wait([process], self.stop_seconds)
            for member in _wait(family, 0.0 if _runs(process) else FAMILY_SECONDS):
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.kill()
            _wait(family, KILL_SECONDS)
        return True


def read(path: Path) -> ProcessRecord | None:
    """The note in a file; None when there is none or it is not one."""
    try:
        return ProcessRecord(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def read_all(folder: Path) -> list[ProcessRecord]:
    """Every note in a folder, the latest started first."""
    records = [record for path in folder.glob("*.json") if (record := read(path))]
    return sorted(records, key=lambda record: record.created, reverse=True)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Waits until all have ended, but no longer; returns those that run still. A zombie has ended, whoever reaps it."""
    deadline = time.monotonic() + seconds
    while (left := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def write_whole(path: Path, text: str) -> None:
    """Writes a small file so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}.part")
    part.write_text(text)
    part.replace(path)
