"""The read models in Redis: the active generation, positions, and sorted sets summed over several keys."""

from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson
from redis import exceptions

from infra.http.problems import DependencyUnavailable
from infra.parked import Parked, parked_in_redis
from infra.redis_client import redis_client
from query_api.refusals import ProjectionMissing

TIMEOUT_SECONDS = 3.0
MISSING = "The projectors have not made this read model yet."
SUM = "query_api:sum"
TOP = (Path(__file__).parent / "redis_top.lua").read_text()

_NO_WRITES = (exceptions.OutOfMemoryError, exceptions.ReadOnlyError)
_NO_WRITES_CODES = ("MISCONF ", "NOREPLICAS ")
"""Those for which the client has no class: the last snapshot failed, too few replicas."""

T = TypeVar("T")


class SortedSets:
    """Reads what a projection keeps in Redis. Connects when it is needed, and again."""

    def __init__(self, url: str) -> None:
        self._redis = redis_client(
            url, connect_seconds=TIMEOUT_SECONDS, answer_seconds=TIMEOUT_SECONDS, decode_responses=True
        )
        self._top = self._redis.register_script(TOP)

    async def close(self) -> None:
        """Ends all connections."""
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raises `DependencyUnavailable` when the server does not answer."""
        await _answer(cast(Awaitable[Any], self._redis.ping()))

    async def prefix(self, projection: str) -> str:
        """What the keys of the active generation begin with. Raises `ProjectionMissing` when there is none."""
        generation = await _answer(cast(Awaitable[str | None], self._redis.get(f"active:{projection}")))
        if generation is None:
            raise ProjectionMissing(MISSING)
        return f"{projection}:{generation}:"

    async def positions(self, prefix: str) -> dict[str, str]:
        """The stored position of each partition as JSON, by the partition's number as text."""
        return await _answer(cast(Awaitable[dict[str, str]], self._redis.hgetall(f"{prefix}pos")))

    async def parked(self, prefix: str) -> Parked:
        """The records that were set aside because they cannot be applied."""
        return await _answer(parked_in_redis(self._redis, prefix))

    async def parked_at(self, prefix: str, places: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        """The records that were set aside at some of these places (partition, offset), as they are kept."""
        fields = [f"{partition}/{offset}" for partition, offset in places]
        rows = await _answer(cast(Awaitable[list[str | None]], self._redis.hmget(f"{prefix}parked", fields)))
        return [orjson.loads(row) for row in rows if row is not None]

    async def top(self, projection: str, names: Sequence[str], limit: int) -> list[tuple[str, int]]:
        """The `limit` members with the highest scores above 0, summed over the sorted sets of these names in the active
        generation; ties by member, descending. One round trip. Raises `ProjectionMissing` when there is none.
        """
        found = await _answer(self._top(keys=[f"active:{projection}", SUM], args=[projection, limit, *names]))
        if found is None:
            raise ProjectionMissing(MISSING)
        return [(member, int(score)) for member, score in zip(found[::2], found[1::2], strict=True) if int(score) > 0]


async def _answer(asked: Awaitable[T]) -> T:
    try:
        return await asked
    except (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError, OSError) as error:
        raise DependencyUnavailable("Redis does not answer; it is tried again by itself.") from error
    except exceptions.ResponseError as error:
        if not isinstance(error, _NO_WRITES) and not str(error).startswith(_NO_WRITES_CODES):
            raise
        # A sum is written before it is read.
        raise DependencyUnavailable("Redis takes no writes for now; it is tried again by itself.") from error
