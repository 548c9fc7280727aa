"""Which command API instance holds what, as ``GET /routing`` of an instance tells it. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import orjson

from infra.partition_of import partition_of


class Routes(NamedTuple):
    """A routing table. An aggregate lies in the same partition as its events."""

    generation: int
    """Of two tables the one of the higher generation is newer."""
    partitions: int
    """Of every event topic."""
    owners: Mapping[int, str]
    """Base URL by partition."""

    def owner(self, aggregate_id: str) -> str | None:
        """Base URL of the instance that decides on an aggregate; None when that is not known."""
        return self.owners.get(partition_of(aggregate_id, self.partitions))


UNKNOWN = Routes(0, 1, MappingProxyType({}))
"""Before any instance has been asked."""


def read_routes(answer: bytes) -> Routes | None:
    """The table in an instance's answer; None when there is none in it, or one that names no owner."""
    try:
        told = orjson.loads(answer)
        owners = {int(partition): str(address).rstrip("/") for partition, address in told["owners"].items()}
        routes = Routes(int(told["generation"]), int(told["partitions"]), MappingProxyType(owners))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return routes if owners and routes.partitions > 0 else None
