"""Which instance should hold which shard. Shard k is partition k of every event topic."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


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
