"""Which worker should fill which partitions of a projection: every worker works it out from the same names, alike.

It is advice and no lock: two that disagree for a moment both read, and the positions' compare and set lets one commit.
"""

from collections import Counter
from functools import lru_cache
from hashlib import blake2b
from itertools import product
from math import ceil


@lru_cache(maxsize=1024)
def shares(workers: frozenset[str], projection: str, partitions: tuple[int, ...]) -> dict[str, frozenset[int]]:
    """The partitions of each worker, of which there is at least one.

    Rendezvous hashing (Thaler and Ravishankar 1998): the partition is for the worker with which it hashes highest, so
    that few move when one comes or goes; with a bound, so that no worker has more than its part, rounded up.
    """
    most = ceil(len(partitions) / len(workers))
    owners: dict[int, str] = {}
    given: Counter[str] = Counter()
    for worker, partition in sorted(product(workers, partitions), key=lambda pair: _weight(projection, *pair)):
        if partition not in owners and given[worker] < most:
            owners[partition] = worker
            given[worker] += 1
    return {worker: frozenset(one for one, owner in owners.items() if owner == worker) for worker in workers}


def _weight(projection: str, worker: str, partition: int) -> bytes:
    return blake2b(f"{projection} {partition} {worker}".encode(), digest_size=8).digest()
