"""The lock of the broker's jars: coordinates with their hashes, and which of them a folder holds."""

import os
from dataclasses import dataclass
from pathlib import Path

LOCK = Path(__file__).with_name("kafka-jars.lock")


@dataclass(frozen=True)
class Jar:
    """One jar: Maven coordinate `group:artifact:version`, SHA-256 in hex, size in bytes."""

    coordinate: str
    sha256: str
    size: int

    @property
    def filename(self) -> str:
        """`artifact-version.jar`."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def read_lock() -> list[Jar]:
    """The jars of the lock file, in class path order."""
    lines = [line.split() for line in LOCK.read_text().splitlines() if line and not line.startswith("#")]
    return [Jar(coordinate, sha256, int(size)) for coordinate, sha256, size in lines]


def write_lock(path: Path, jars: list[Jar]) -> None:
    """Writes the lock file: one jar a line, coordinate, SHA-256 and size."""
    head = "# The broker's jars. Made by `python -m infra.servers.lock_jars`; not edited by hand.\n"
    path.write_text(head + "".join(f"{jar.coordinate} {jar.sha256} {jar.size}\n" for jar in jars))


def missing(folder: Path) -> list[Jar]:
    """The jars of the lock that `folder` does not hold in their full size."""

    def is_there(jar: Jar) -> bool:
        path = folder / jar.filename
        return path.is_file() and path.stat().st_size == jar.size

    return [jar for jar in read_lock() if not is_there(jar)]


def class_path(folder: Path) -> str:
    """The `-cp` argument for all jars of the lock in `folder`."""
    return os.pathsep.join(str(folder / jar.filename) for jar in read_lock())
