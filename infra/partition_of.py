"""Which partition a key lies in: Kafka's own default, so that console tools and other clients agree."""

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key, 0 to ``partitions`` - 1: murmur2 of its bytes, as Kafka's producers take it."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
