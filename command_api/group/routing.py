"""Which instance should hold which shard. Shard k is partition k of every event topic."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson


class Routing(NamedTuple):
    """An assignment of the group, the same for all of its members except for ``mine``."""

    generation: int
    """The group's generation, as its coordinator numbers them: rises with every rebalance, the same for all members.
    0 before the first assignment. It starts again at 1 only after every member has been away for some minutes."""
    owners: Mapping[int, str]
    """Base URL of the instance that should hold a shard."""
    mine: frozenset[int]
    """The shards that this instance should hold."""

    def owner(self, shard: int) -> str | None:
        """Base URL of the instance that should hold ``shard``; None while that is not known."""
        return self.owners.get(shard)


NOWHERE = Routing(0, MappingProxyType({}), frozenset())
"""Before the first assignment nothing is known."""


class Told(NamedTuple):
    """What ``GET /routing`` of an instance tells."""

    routing: Routing
    """As it knows it; nothing in it is the reader's."""
    leaving: bool
    """It hands over what it held, and will know of no newer table by itself."""


def tell_routing(told: Told, partitions: int) -> dict[str, Any]:
    """The answer of ``GET /routing``, JSON-ready. ``partitions`` is their number in every topic."""
    generation, owners, _ = told.routing
    by_shard = {str(shard): address for shard, address in sorted(owners.items())}
    return {"generation": generation, "partitions": partitions, "owners": by_shard, "leaving": told.leaving}


def read_routing(answer: bytes) -> Told | None:
    """What an instance has told; None for another answer, such as that of one that starts."""
    try:
        told = orjson.loads(answer)
        owners = {int(shard): str(address) for shard, address in told["owners"].items()}
        return Told(Routing(int(told["generation"]), MappingProxyType(owners), frozenset()), bool(told["leaving"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
