"""What the commands of `./stockroom dlq` with `--policy` have in common: what they are given, and run over."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from infra.away import AWAY
from infra.dlq_terminal import end
from infra.drop_reason import NoReason
from infra.logs import configure_beside_answer
from infra.principal import OPERATOR
from infra.process import run_process
from infra.reason import reason
from infra.settings import Settings
from policies.command_client import CommandClient
from policies.dead_letters.drop import NothingParked
from policies.dead_letters.redrive import NotCarriedOut, Redrive
from policies.policy import Policy
from policies.position_store import PositionStore
from policies.registry import POLICIES

T = TypeVar("T")


def chosen_by(name: str | None) -> list[Policy]:
    """The policy of this name, or all. Exit 2: there is none."""
    found = [policy for policy in POLICIES if name in (None, policy.name)]
    return found or end(f"no policy {name!r}; there are {', '.join(policy.name for policy in POLICIES)}", 2)


def run(act: Callable[[Redrive], Awaitable[T]]) -> T:
    """What an act over the tables and the command API gives. Exit 1: it cannot be done, or a server is away. Exit 2:
    a reason is none.
    """
    results: list[T] = []

    async def main(config: Settings) -> None:
        async with (
            asyncpg.create_pool(config.dsn, min_size=0, max_size=2) as pool,
            CommandClient.of(config) as commands,
        ):
            await PositionStore(pool).prepare()
            await commands.instances.refresh()  # who is asked first may hang
            learning = asyncio.create_task(commands.keep_up())
            try:
                results.append(await act(Redrive(pool, commands, str(OPERATOR))))
            finally:
                learning.cancel()
                await asyncio.wait({learning})

    try:
        run_process(main, logging=_without_progress)
    except NoReason as error:
        end(str(error), 2)
    except (NotCarriedOut, NothingParked) as error:
        end(str(error), 1)
    except AWAY as error:
        end(f"a server is away ({reason(error)}): ./stockroom status", 1)
    return results[0]


def _without_progress(level: str) -> None:
    configure_beside_answer("WARNING" if level == "INFO" else level)
