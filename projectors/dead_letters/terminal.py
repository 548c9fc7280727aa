"""What the commands of `./stockroom dlq` of projections have in common: what they are given, and run over."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg
from redis.asyncio import Redis

from infra.dlq_terminal import end
from infra.drop_reason import NoReason
from infra.process import run_process
from infra.reason import reason
from infra.settings import Settings
from projectors.back_off import AWAY
from projectors.dead_letters.drop import NothingParked, NotVoided
from projectors.dead_letters.voids_known import VoidsUnknown
from projectors.projection import Projection
from projectors.read_models.registry import PROJECTIONS, named
from projectors.stores.connect import connect_postgres, connect_redis
from projectors.stores.store import NotCommitted, RebuildNeeded, StoreDamaged

T = TypeVar("T")


def chosen_by(name: str | None) -> list[Projection]:
    """The projection of this name, or all. Exit 2: there is none."""
    try:
        return list(PROJECTIONS) if name is None else [named(name)]
    except KeyError as error:
        end(str(error.args[0]), 2)


def run_over_stores(act: Callable[[asyncpg.Pool, Redis], Awaitable[T]]) -> T:
    """What an act over the stores gives. Exit 1: it cannot be done, or a server is away. Exit 2: a
    reason is none."""
    results: list[T] = []

    async def main(config: Settings) -> None:
        async with connect_postgres(config) as pool, connect_redis(config) as redis:
            results.append(await act(pool, redis))

    try:
        run_process(main)
    except NoReason as error:
        end(str(error), 2)
    except (RebuildNeeded, StoreDamaged, NotCommitted, NothingParked, NotVoided) as error:
        end(str(error), 1)
    except VoidsUnknown as error:
        end(f"{error.code}: {error}", 1)
    except AWAY as error:
        end(f"a server is away ({reason(error)}): ./stockroom status", 1)
    return results[0]
