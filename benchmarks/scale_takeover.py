"""How long commands wait when a command API is killed, leaves, or is killed and comes back in place.

Two instances share the shards. One client per shard of the one that goes sends orders, one after another, to the one
that stays, and repeats each with its key until it is acknowledged; the longest wait of all is what counts.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from secrets import token_hex

import httpx

from benchmarks.scale_orders import PATH, SKU, order_id
from benchmarks.scale_world import World, client_of
from benchmarks.stage import NotReached
from infra.launcher.supervised import Supervised
from infra.partition_of import partition_of

PATIENCE_SECONDS = 120.0
POLL_SECONDS = 0.02
PAUSE_SECONDS = 0.005
"""Between a refusal and the next try."""


class Ending(StrEnum):
    """How a command API goes."""

    KILLED = "SIGKILL, taken over by the other"
    LEFT = "a proper leave (SIGTERM), taken over by the other"
    RESPAWNED = "SIGKILL, respawned in place by its supervisor"


@dataclass(frozen=True)
class Waits:
    """Durations in seconds, one for every try."""

    longest: dict[Ending, list[float]] = field(default_factory=lambda: {ending: [] for ending in Ending})
    """That an order waited."""
    listening: list[float] = field(default_factory=list)
    """From the kill of a process that is respawned until the new one answers: what Python and imports take."""


async def waits(world: World, times: int) -> Waits:
    """All tries. Raises `NotReached`."""
    found = Waits()
    async with world.started() as survivor:
        for _ in range(times):
            for ending in Ending:
                stop_signal = signal.SIGKILL if ending is Ending.KILLED else signal.SIGTERM
                async with world.started(1, stop_signal) as victim:
                    end = partial(_respawn, victim, found) if ending is Ending.RESPAWNED else victim.stop
                    found.longest[ending].append(await _longest_wait(world, survivor, victim, end))
    return found


async def _respawn(victim: Supervised, found: Waits) -> None:
    assert victim.pid is not None
    restarts, began = victim.restarts, time.monotonic()
    os.kill(victim.pid, signal.SIGKILL)
    await _until(lambda: victim.restarts > restarts, "its supervisor has not seen it die")
    async with client_of(victim) as client:
        while time.monotonic() < began + PATIENCE_SECONDS:
            with contextlib.suppress(httpx.HTTPError):
                (await client.get("/health")).raise_for_status()
                break
            await asyncio.sleep(POLL_SECONDS)
    found.listening.append(time.monotonic() - began)
    await _until(victim.is_ready.is_set, "it is not ready again")


async def _longest_wait(
    world: World, survivor: Supervised, victim: Supervised, end: Callable[[], Awaitable[None]]
) -> float:
    shards = await _shared_out(survivor, victim)
    async with client_of(survivor) as client, asyncio.TaskGroup() as group:
        senders = [_Sender(client, shard, world.settings.partitions) for shard in shards]
        tasks = [group.create_task(sender.run()) for sender in senders]
        await _until(lambda: all(sender.acknowledged for sender in senders), "an order was not acknowledged")
        for sender in senders:
            sender.longest = 0.0
        await end()
        ended = time.monotonic()
        await _until(lambda: all(sender.acknowledged > ended for sender in senders), "nobody has taken over")
        for task in tasks:
            task.cancel()
    return max(sender.longest for sender in senders)


class _Sender:
    """Orders of one shard, one after another. ``longest`` is the longest wait in seconds for an acknowledgement,
    repeats included; ``acknowledged`` when the newest one that has it was sent first."""

    def __init__(self, client: httpx.AsyncClient, shard: int, partitions: int) -> None:
        self.longest = 0.0
        self.acknowledged = 0.0
        self._client = client
        self._shard = shard
        self._partitions = partitions

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            key = self._fresh_key()
            began = time.monotonic()
            await self._acknowledgement(key)
            self.longest = max(self.longest, time.monotonic() - began)
            self.acknowledged = began

    async def _acknowledgement(self, key: str) -> None:
        body = {"items": [{"sku": SKU, "quantity": 1}]}
        while True:
            with contextlib.suppress(httpx.HTTPError):
                answer = await self._client.post(PATH, json=body, headers={"Idempotency-Key": key})
                if answer.is_success:
                    return
            await asyncio.sleep(PAUSE_SECONDS)

    def _fresh_key(self) -> str:
        while True:
            key = token_hex(8)
            if partition_of(order_id(key), self._partitions) == self._shard:
                return key


async def _shared_out(survivor: Supervised, victim: Supervised) -> list[int]:
    """The victim's shards, once both say the same of who should hold what, each some, and both are ready."""
    addresses = {survivor.program.address, victim.program.address}
    deadline = time.monotonic() + PATIENCE_SECONDS
    async with client_of(survivor) as one, client_of(victim) as other:
        while True:
            tables = [(await client.get("/routing")).json().get("owners", {}) for client in (one, other)]
            ready = [(await client.get("/ready")).is_success for client in (one, other)]
            if all(ready) and tables[0] == tables[1] and set(tables[0].values()) == addresses:
                return [int(shard) for shard, owner in tables[0].items() if owner == victim.program.address]
            if time.monotonic() > deadline:
                raise NotReached(f"two command APIs do not share the shards: {tables}")
            await asyncio.sleep(POLL_SECONDS)


async def _until(reached: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not reached():
        if time.monotonic() > deadline:
            raise NotReached(otherwise)
        await asyncio.sleep(POLL_SECONDS)
