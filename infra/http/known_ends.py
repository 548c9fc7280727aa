"""How far the log is known to reach, to tell tokens of the future: asked for what lies beyond, and remembered."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from infra.http.consistency_token import Token, refuse_future

Place = tuple[str, int]
"""Topic and partition."""


class KnownEnds:
    """Remembers the ends of partitions. `ask` tells those of some places, and may tell more; one asks at a time.

    `known` tells what is known of a place by other means, 0 for nothing.
    """

    def __init__(
        self,
        ask: Callable[[Collection[Place]], Awaitable[Mapping[Place, int]]],
        known: Callable[[Place], int] = lambda place: 0,
    ) -> None:
        self._ask = ask
        self._known = known
        self._ends: dict[Place, int] = {}
        self._asking = asyncio.Lock()

    async def refuse_future(self, tokens: Iterable[Token]) -> None:
        """Raises `FutureConsistencyToken` for a token at or beyond the end of its partition, and what `ask` does."""
        beyond = self._beyond(tokens)
        if beyond:
            async with self._asking:
                beyond = self._beyond(beyond)  # else somebody else has asked meanwhile
                if beyond:
                    self._ends |= await self._ask({(token.topic, token.partition) for token in beyond})
            refuse_future(self._beyond(beyond), self._ends)

    async def asked(self, places: Collection[Place]) -> Mapping[Place, int]:
        """The ends of these places as they are now. Raises what `ask` does."""
        async with self._asking:
            ends = await self._ask(places)
        self._ends |= ends
        return ends

    def _beyond(self, tokens: Iterable[Token]) -> list[Token]:
        return [token for token in tokens if token.offset >= self._end(token)]

    def _end(self, token: Token) -> int:
        place = token.topic, token.partition
        return max(self._known(place), self._ends.get(place, 0))
