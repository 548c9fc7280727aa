"""One client of the load: sends what its workload says, to any instance, and repeats each key until it knows."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.history.operation import Operation, Outcome, Request
from tests.faults.load.sender import Sender, settled
from tests.faults.load.workload import Workload

TRIES = 30
"""So often a key is sent until its client gives up: what it was told last stands."""
PATIENCE = (1.5, 3.0, 7.0)
"""Seconds that a client waits for an answer; one is drawn each time."""
AT_ONCE = 20
"""How often the same key is sent at the same moment."""
PAUSES = (0.02, 0.4)
"""Bounds of the pause before a key is sent again, in seconds."""


@dataclass(frozen=True)
class Habits:
    """How a client behaves: the chance of each thing it does, the rest being requests one by one."""

    bulk: float = 0.5
    lines: tuple[int, int] = (20, 120)
    repeat: float = 0.06
    at_once: float = 0.01


class Client:
    """A client by number; ``run`` goes on until ``stop`` is set."""

    def __init__(self, number: int, workload: Workload, sender: Sender, habits: Habits) -> None:
        self._number, self._workload, self._sender, self._habits = number, workload, sender, habits
        self._rng = workload.rng
        self._done: deque[Request] = deque(maxlen=200)
        """Requests that were acknowledged a short while ago."""

    async def run(self, stop: asyncio.Event) -> None:
        """Do one thing after another until told to stop; what was begun is brought to its end."""
        while not stop.is_set():
            drawn, habits = self._rng.random(), self._habits
            if drawn < habits.bulk:
                await self._settle(self._workload.bulk(self._rng.randint(*habits.lines)))
            elif drawn < habits.bulk + habits.at_once:
                await self._at_once(self._workload.single())
            elif drawn < habits.bulk + habits.at_once + habits.repeat and self._done:
                await self._settle([self._rng.choice(self._done)])
            else:
                await self._settle([self._workload.single()])

    async def _settle(self, requests: Sequence[Request]) -> None:
        """Send requests of one route until each is acknowledged or refused for good, every time to another instance."""
        instance = self._rng.randrange(self._sender.instances)
        for _ in range(TRIES):
            seconds = self._rng.choice(PATIENCE)
            if len(requests) == 1:
                operations = [await self._sender.send(self._number, instance, requests[0], seconds)]
            else:
                operations = await self._sender.send_bulk(self._number, instance, requests, seconds)
            self._learn(operations)
            requests = [operation.request for operation in operations if not settled(operation)]
            if not requests:
                return
            instance = (instance + self._rng.randint(1, 2)) % self._sender.instances
            await asyncio.sleep(self._rng.uniform(*PAUSES))

    async def _at_once(self, request: Request) -> None:
        """Send the same key many times at the same moment, then once more for the answer."""
        instances = [self._rng.randrange(self._sender.instances) for _ in range(AT_ONCE)]
        operations = await asyncio.gather(
            *(self._sender.send(self._number, instance, request, max(PATIENCE)) for instance in instances)
        )
        self._learn(operations)
        await self._settle([request])

    def _learn(self, operations: Sequence[Operation]) -> None:
        for operation in operations:
            answer = operation.answer
            if operation.outcome is Outcome.OK and answer is not None:
                self._workload.told(answer.subject, answer.version)
                self._done.append(operation.request)
            elif operation.code == "version_conflict" and "current_version" in operation.facts:
                self._workload.told(operation.request.subject or "", operation.facts["current_version"])
