"""Since when partitions are behind their ends. Pure."""

from collections.abc import Mapping

from projectors.streams.shard import Shard


class Behind:
    """Compares shards with the ends of their partitions; to be asked every second or so."""

    def __init__(self) -> None:
        self._applied: dict[int, int] = {}
        self._since: dict[int, float] = {}

    def look(self, shards: Mapping[int, Shard], ends: Mapping[int, int], now: float) -> Mapping[int, float]:
        """By partition that is behind its end, at `now` in seconds since 1970: when the last record that was applied
        since the last look was appended, for what is unread is no older; else when it was first seen behind.
        """
        since = {}
        for partition, shard in shards.items():
            if shard.position.next_offset < ends.get(partition, 0):
                has_moved = self._applied.get(partition, shard.appended_ms) != shard.appended_ms
                since[partition] = shard.appended_ms / 1000 if has_moved else self._since.get(partition, now)
        self._applied = {partition: shard.appended_ms for partition, shard in shards.items()}
        self._since = since
        return since
