"""Deals shards out to instances: an assignor for Kafka's group protocol, and the pure function under it.

Co-partitioned: shard k is partition k of every topic, and all of them go to one member. Sticky: a rebalance moves as
few shards as possible. Every member's assignment carries the whole routing table.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import orjson
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from command_api.group.routing import Routing

PROTOCOL_VERSION = 0
"""Of Kafka's own envelope around the user data."""


class Standing(NamedTuple):
    """What a member tells the group's leader about itself when it joins: the user data of its subscription."""

    address: str
    """Base URL at which the other instances reach it."""
    instance_id: str
    generation: int
    """The generation of its last assignment, 0 if it has had none."""
    held: Collection[int]
    """The shards of that assignment."""


def assign_shards(members: Mapping[str, Collection[int]], partitions: int) -> dict[str, frozenset[int]]:
    """Deal the shards 0 … ``partitions`` - 1 out to members, given by name with the shards that each holds now.

    Every shard goes to exactly one member, the members' counts differ by at most one, and as many shards as that allows
    stay where they are. The same arguments give the same answer. A shard that two members say they hold counts for the
    one whose name comes first. Without members nothing is dealt out.
    """
    holder: dict[int, str] = {}
    for name in sorted(members):
        for shard in members[name]:
            if 0 <= shard < partitions:
                holder.setdefault(shard, name)
    held = {name: sorted(shard for shard, by in holder.items() if by == name) for name in sorted(members)}
    least, larger = divmod(partitions, len(members)) if members else (0, 0)
    # The larger shares go to those who hold most: each of them then gives up one shard fewer.
    by_held = sorted(held, key=lambda name: (-len(held[name]), name))
    share = {name: least + (rank < larger) for rank, name in enumerate(by_held)}
    kept = {name: held[name][: share[name]] for name in held}
    free = iter(sorted(set(range(partitions)).difference(*kept.values())))
    return {name: frozenset(kept[name]).union(islice(free, share[name] - len(kept[name]))) for name in held}


class ShardAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """The assignor of one member; ``last`` gives its last assignment.

    aiokafka declares these methods as class methods but calls them on whatever object it was given, so that an instance
    can carry what belongs to one member: its address, its id and what it holds.
    """

    name = "stockroom-shards-1"
    """Changes with the form of the user data: members that do not understand each other form no group."""

    def __init__(self, address: str, instance_id: str, partitions: int, last: Callable[[], Routing]) -> None:
        self._address = address
        self._instance_id = instance_id
        self._partitions = partitions
        self._last = last

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What this member sends when it joins."""
        last = self._last()
        standing = Standing(self._address, self._instance_id, last.generation, sorted(last.mine))
        return ConsumerProtocolMemberMetadata(PROTOCOL_VERSION, sorted(topics), orjson.dumps(standing._asdict()))

    def assign(
        self, cluster: object, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """What the leader answers, by the members' ids in the group.

        A member that was away may say that it holds what others have got since: the later generation counts.
        """
        standings = {member: Standing(**orjson.loads(metadata.user_data)) for member, metadata in members.items()}
        last: dict[int, tuple[int, str]] = {}
        for member, standing in sorted(standings.items()):
            for shard in standing.held:
                last[shard] = max(last.get(shard, (0, "")), (standing.generation, member))
        held = {member: [shard for shard, (_, by) in last.items() if by == member] for member in standings}
        shares = assign_shards(held, self._partitions)
        table = orjson.dumps([[standings[member].address, sorted(shards)] for member, shards in shares.items()])
        return {
            member: ConsumerProtocolMemberAssignment(
                PROTOCOL_VERSION, [(topic, sorted(shards)) for topic in members[member].subscription], table
            )
            for member, shards in shares.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is kept here: the group's member passes the assignment on."""


def routing_of(generation: int, assignment: bytes) -> Routing:
    """The routing that an assignment carries, as ``ShardAssignor.assign`` made it. Raises ``ValueError`` otherwise."""
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    owners = {shard: str(address) for address, shards in orjson.loads(decoded.user_data) for shard in shards}
    mine = frozenset(shard for _, shards in decoded.assignment for shard in shards)
    return Routing(generation, MappingProxyType(owners), mine)
