"""What the commands of `./stockroom dlq` have in common: what they are given, run over and say, and how they end."""

import os
import re
import sys
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar

import asyncpg
import typer
from redis.asyncio import Redis

from infra.process import run_process
from infra.reason import reason
from infra.settings import Settings
from projectors.back_off import AWAY
from projectors.dead_letters.drop import NothingParked, NotVoided
from projectors.dead_letters.voids_known import VoidsUnknown
from projectors.projection import Projection
from projectors.read_models.registry import PROJECTIONS, named
from projectors.stores.connect import connect_postgres, connect_redis
from projectors.stores.store import NotCommitted, Place, RebuildNeeded, StoreDamaged

T = TypeVar("T")

PLACE_HELP = "TOPIC/PARTITION@OFFSET, as `list` shows it."


def chosen_by(name: str | None) -> list[Projection]:
    """The projection of this name, or all. Exit 2: there is none."""
    try:
        return list(PROJECTIONS) if name is None else [named(name)]
    except KeyError as error:
        end(str(error.args[0]), 2)


def run_over_stores(act: Callable[[asyncpg.Pool, Redis], Awaitable[T]]) -> T:
    """What an act over the stores gives. Exit 1: it cannot be done, or a server is away."""
    results: list[T] = []

    async def main(config: Settings) -> None:
        async with connect_postgres(config) as pool, connect_redis(config) as redis:
            results.append(await act(pool, redis))

    try:
        run_process(main)
    except (RebuildNeeded, StoreDamaged, NotCommitted, NothingParked, NotVoided) as error:
        end(str(error), 1)
    except VoidsUnknown as error:
        end(f"{error.code}: {error}", 1)
    except AWAY as error:
        end(f"a server is away ({reason(error)}): ./stockroom status", 1)
    return results[0]


def say(text: str) -> None:
    """Print a line. Exit 0 when nobody reads any more."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        # The reader of the pipe, `head` for one, has enough. Nothing can be flushed at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from error


def end(text: str, code: int) -> NoReturn:
    """End with a line on standard error."""
    sys.stderr.write(f"{text}\n")
    raise typer.Exit(code)


def place_of(place: str) -> tuple[str, Place]:
    """Topic and place that a place in words stands for. Exit 2: it is none."""
    form = re.fullmatch(r"(.+)/(\d{1,9})@(\d{1,18})", place)
    if form is None:
        end(f"{place!r} is no place: {PLACE_HELP}", 2)
    return form[1], (int(form[2]), int(form[3]))
