"""Reads orders that were acknowledged a moment ago, each with the token of its acknowledgement."""

import asyncio
import random
import time

import httpx

from infra.http.consistency_token import HEADER, Token
from tests.faults.history.history import History
from tests.faults.history.operation import Answer
from tests.faults.history.read import Read

RECENT = 500
"""So many of the last operations are looked at for orders."""
PAUSE_SECONDS = 0.05
ANSWER_SECONDS = 5.0


class Reader:
    """A client of the query API at ``url``; ``run`` goes on until ``stop`` is set. An answer of 5xx says nothing: the
    query API, or what stands behind it, is away or lags."""

    def __init__(self, url: str, cluster: str, history: History, number: int) -> None:
        self._url, self._cluster, self._history = url, cluster, history
        self._rng = random.Random(f"reader/{number}")

    async def run(self, stop: asyncio.Event) -> None:
        """Read one order after another until told to stop."""
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=ANSWER_SECONDS) as client:
            while not stop.is_set():
                await asyncio.sleep(PAUSE_SECONDS)
                answers = (operation.answer for operation in self._history.operations[-RECENT:])
                orders = [answer for answer in answers if answer is not None and answer.topic == "orders"]
                if orders:
                    await self._read(client, self._rng.choice(orders))

    async def _read(self, client: httpx.AsyncClient, answer: Answer) -> None:
        token = Token(self._cluster, answer.topic, answer.partition, answer.offset)
        began = time.monotonic()
        try:
            response = await client.get(f"/v1/orders/{answer.subject}", headers={HEADER: str(token)})
        except httpx.HTTPError:
            return
        if response.status_code < 500:
            version = int(response.headers["ETag"].strip('"')) if response.is_success else 0
            self._history.read(Read(answer.topic, answer.subject, answer.version, began, time.monotonic(), version))
