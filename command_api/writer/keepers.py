"""The keepers of an instance: where they keep snapshots, and how often each partition takes one."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from command_api.snapshots.snapshot import Place, SnapshotStore
from command_api.snapshots.state_version import state_version
from command_api.writer.keeper import Keeper
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory
from command_api.writer.saver import Pace, Turn
from domain.decider import Decider


class Keepers:
    """Gives each partition its keeper. ``cluster`` is Kafka's cluster id, ``most_cached`` the number of aggregates of
    all partitions that may stay in memory though they have not changed since the last snapshot."""

    def __init__(self, store: SnapshotStore, cluster: str, pace: Pace, most_cached: int) -> None:
        self._store = store
        self._cluster = cluster
        self._pace = pace
        self._turn = Turn()
        self.most_cached = most_cached

    def keeper(
        self,
        topic: str,
        partition: int,
        decider: Decider[Any],
        memory: Memory,
        keys: KeyWindow,
        on_lost: Callable[[], None],
    ) -> Keeper:
        """The keeper of one partition."""
        place = Place(self._cluster, topic, partition, _version(decider))
        return Keeper(self._store, place, decider, memory, keys, self._pace, self._turn, on_lost)


_version = lru_cache(state_version)
