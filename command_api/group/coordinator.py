"""A member of the group on the wire: aiokafka's group coordinator client, without the consumer around it.

A consumer would fetch records, and would leave when nobody takes them. This one only joins, beats and leaves. All that
the lease needs to know passes through `GroupMember._send_req`.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import KafkaError
from aiokafka.protocol.api import Request, RequestStruct
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1, JoinGroupRequest, LeaveGroupRequest
from aiokafka.protocol.types import Int32, Schema, String

from command_api.group.assignor import ShardAssignor, routing_of
from command_api.group.lease import Lease, now
from command_api.group.routing import Routing

FENCED_INSTANCE_ID = 82
"""Kafka's error code; aiokafka does not know it."""


class InstanceIdTaken(Exception):
    """Another process has joined the group under the same instance id."""


class _HeartbeatResponse(HeartbeatResponse_v1):  # type: ignore[misc]  # aiokafka has no types
    API_VERSION = 3


class _HeartbeatStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = _HeartbeatResponse
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class _StaticHeartbeat(Request[_HeartbeatStruct]):  # type: ignore[misc]
    """A heartbeat that names the instance id (KIP-345). Without it a member that was replaced is told the same as one
    whose session has run out, joins again at once, and replaces its successor in turn."""

    API_KEY = 12

    def __init__(self, *fields: str | int) -> None:
        self._fields = fields

    def build(self, request_struct_class: type[_HeartbeatStruct]) -> _HeartbeatStruct:
        return request_struct_class(*self._fields)


class GroupMember(GroupCoordinator):  # type: ignore[misc]
    """A static member of a group (KIP-345) from its making on, in background tasks of aiokafka's.

    ``assigned`` is called in the event loop with each assignment, at the moment from which ``lease`` covers it.
    ``broken`` ends with an error when nothing more will happen by itself: the caller then abandons this member.
    """

    def __init__(
        self,
        client: AIOKafkaClient,
        topics: Sequence[str],
        assignor: ShardAssignor,
        lease: Lease,
        assigned: Callable[[Routing], None],
        *,
        group_id: str,
        instance_id: str,
        session_ms: int,
        heartbeat_ms: int,
    ) -> None:
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lease = lease
        self._assigned = assigned
        self._join_sent = now()
        subscription = SubscriptionState()
        subscription.register_fetch_waiters(set())
        subscription.subscribe(topics=set(topics))
        super().__init__(
            client,
            subscription,
            group_id=group_id,
            group_instance_id=instance_id,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=heartbeat_ms,
            rebalance_timeout_ms=session_ms,  # the lease's proof needs it not to be below the session time-out
            max_poll_interval_ms=math.inf,  # nobody polls for records here
            enable_auto_commit=False,
            assignors=(assignor,),
        )
        self._coordination_task.add_done_callback(self._coordination_ended)

    async def leave(self) -> None:
        """Leave the group at once. aiokafka keeps silent for a static member, which would be missed only when its
        session runs out. Raises ``KafkaError`` when the coordinator is away."""
        await self.abandon()
        if self.member_id != JoinGroupRequest.UNKNOWN_MEMBER_ID:
            await self._send_req(LeaveGroupRequest(self.group_id, self.member_id))

    async def abandon(self) -> None:
        """End without a word to the coordinator: a successor with the same instance id takes the place."""
        tasks = {self._coordination_task, self._heartbeat_task, self._commit_refresh_task} - {None}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lease.end()

    def fail(self, error: BaseException) -> None:
        """End ``broken`` with this error, unless another came first."""
        if not self.broken.done():
            self.broken.set_exception(error)

    async def _send_req(self, request: Any) -> Any:
        sent = now()
        beats = isinstance(request, HeartbeatRequest)
        if beats:
            request = _StaticHeartbeat(self.group_id, self.generation, self.member_id, self._group_instance_id)
        elif isinstance(request, JoinGroupRequest):
            self._lease.end()
            self._join_sent = sent
        response = await super()._send_req(request)
        if response.error_code == FENCED_INSTANCE_ID:
            self.fail(InstanceIdTaken(f"another process is {self._group_instance_id} in group {self.group_id}"))
        elif beats and response.error_code == 0:
            self._lease.renew(sent)
        return response

    async def _on_join_complete(self, generation: int, member_id: str, protocol: str, assignment: bytes) -> None:
        await super()._on_join_complete(generation, member_id, protocol, assignment)
        routing = routing_of(generation, assignment)
        self._lease.begin(self._join_sent)
        self._assigned(routing)

    def _on_metadata_change(self) -> None:
        """How many partitions a topic has is fixed: what the broker says of it at the moment is no reason to join."""

    def _push_error_to_user(self, exc: BaseException) -> Any:
        self.fail(exc if isinstance(exc, KafkaError) else KafkaError(repr(exc)))
        return asyncio.wait([self._closing])

    def _coordination_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
