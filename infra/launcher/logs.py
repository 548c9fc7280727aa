"""The log files of the processes: opened for appending, set aside by size at a start, and their last lines."""

from pathlib import Path
from typing import BinaryIO

LARGEST_LOG = 10_000_000
KEPT_LOGS = 3
TAIL_BYTES = 64_000


def open_log(path: Path) -> BinaryIO:
    """Opens a log for appending; one above 10 MB becomes `NAME.log.1` first, of which three are kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_LOG:
        for number in range(KEPT_LOGS - 1, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            if older.exists():
                older.replace(path.with_name(f"{path.name}.{number + 1}"))
        path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def last_lines(path: Path, count: int, since: int = 0) -> list[str]:
    """The last `count` lines of a log from byte `since` on, fewer when there are fewer, none when there is no file."""
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace").splitlines()[-count:]
