"""Everything that endpoints read from, wired once per process, and the dependencies by which a route gets it."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Header, Request

from infra.http.consistency_token import HEADER
from infra.http.header_lines import joined
from infra.http.prefer import wait_seconds
from infra.settings import Settings
from query_api.consistency import Consistency
from query_api.log import Log
from query_api.names import Names
from query_api.positions import Positions
from query_api.postgres import Postgres
from query_api.sorted_sets import SortedSets


class Sources:
    """The stores and the log of one process. Nothing connects before `open`."""

    def __init__(self, settings: Settings) -> None:
        self.postgres = Postgres(settings.dsn)
        self.names = Names(self.postgres)
        self.redis = SortedSets(settings.redis_address)
        self.log = Log(settings.bootstrap_servers)
        self.positions = Positions(self.postgres, self.redis)
        self.consistency = Consistency(self.positions, self.log, settings.consistency_wait_seconds)

    async def open(self) -> None:
        """Makes the pools; needs no server. `log.run()` is a task of its own."""
        await self.postgres.open()

    async def close(self) -> None:
        """Ends all connections."""
        await self.postgres.close()
        await self.redis.close()


def sources_of(request: Request) -> Sources:
    """The process's sources."""
    sources = request.app.state.sources
    assert isinstance(sources, Sources)
    return sources


FromSources = Annotated[Sources, Depends(sources_of)]
"""Type of a route's parameter that is the process's sources."""


def applied(*names: str) -> Callable[..., Awaitable[None]]:
    """Dependency of a route that the read models `names` serve: waits for the request's Consistency-Token, if any.

    Raises `BadPrefer` also without a token, and as `Consistency.reach` does.
    """

    async def reached(
        request: Request,
        sources: FromSources,
        consistency_token: Annotated[
            str | None,
            Header(
                alias=HEADER,
                description="As a command answered it: `<cluster>:orders/3@1842`; several stand behind commas. "
                "The answer then includes what that command did.",
            ),
        ] = None,
        prefer: Annotated[
            str | None, Header(description="`wait=N`: how many seconds to wait for the token, 0 to 30.")
        ] = None,
    ) -> None:
        tokens = joined(request.headers, HEADER) if consistency_token is not None else None
        await wait_applied(sources, names, tokens, joined(request.headers, "prefer") if prefer is not None else None)

    return reached


async def wait_applied(sources: Sources, names: tuple[str, ...], tokens: str | None, prefer: str | None) -> None:
    """Wait until the read models `names` have applied what these headers name, None for one that is not there.

    Raises `BadPrefer` also without a token, and as `Consistency.reach` does.
    """
    wait = wait_seconds(prefer)
    if tokens is not None:
        await sources.consistency.reach(tokens, wait, names)
