"""Which servers this copy runs itself: each one whose address the settings do not give."""

from collections.abc import Callable

from infra.launcher.home import Home
from infra.launcher.program import CannotStart, Program
from infra.servers import fetch, kafka, postgres, redis
from infra.servers.archive import use_archive
from infra.settings import Settings


def embedded_programs(settings: Settings, home: Home) -> list[Program]:
    """The servers to start, in the order of the table of `up`. Raises `CannotStart` when a binary is missing."""
    makers: list[tuple[str | None, Callable[[Settings, Home], Program]]] = [
        (settings.kafka_bootstrap_servers, _broker),
        (settings.postgres_dsn, postgres.program),
        (settings.redis_url, redis.program),
    ]
    return [make(settings, home) for given, make in makers if not given]


def _broker(settings: Settings, home: Home) -> Program:
    archive = use_archive(home)
    return kafka.program(settings, home, archive, archive)


def fetch_what_is_missing(settings: Settings, home: Home, progress: Callable[[int, int], None]) -> None:
    """Downloads the jars of the embedded broker if it is to run and they are missing; `progress(done, total)` in bytes.

    Raises `CannotStart` with what to do when they cannot be had.
    """
    if settings.kafka_bootstrap_servers:
        return
    try:
        fetch.fetch(home, settings.maven_url, progress)
    except (fetch.JarsUnavailable, OSError) as error:
        raise CannotStart(str(error)) from error
