"""The parked keys that a worker has read, so that it reads them again only when they can have changed."""

from collections.abc import Awaitable, Callable, Mapping

from projectors.stores.store import Standing

Positions = tuple[int, Mapping[int, Standing], Mapping[int, int]]


class KnownKeys:
    """Keys are parked only by commits, which move a position, and taken out only together with a count."""

    def __init__(self) -> None:
        self._positions: Positions | None = None
        self._keys: frozenset[str] = frozenset()

    async def keys(
        self,
        generation: int,
        standings: Mapping[int, Standing],
        unparked: Mapping[int, int],
        read: Callable[[], Awaitable[frozenset[str]]],
    ) -> frozenset[str]:
        """Those of the generation at these positions and counts, by ``read`` unless they are as they were."""
        positions = generation, standings, unparked
        if positions != self._positions:
            self._keys = await read()
            self._positions = positions
        return self._keys
