"""Holds the real answers of Kafka's group coordinator back on their way to one member."""

import asyncio
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

HEARTBEAT, SYNC_GROUP = 12, 14
"""Kafka's API keys."""


class LateAnswers:
    """From its making on, answers to ``api_key`` for the member ``name`` wait until they are let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, api_key: int) -> None:
        self.held = 0
        """How many answers have been held back so far."""
        self._let_through = asyncio.Semaphore(0)
        send = AIOKafkaClient.send

        async def late(client: AIOKafkaClient, node: int, request: Any, **named: Any) -> Any:
            answer = await send(client, node, request, **named)
            if api_key == request.API_KEY and client._client_id.endswith(f"/{name}"):
                self.held += 1
                await self._let_through.acquire()
            return answer

        monkeypatch.setattr(AIOKafkaClient, "send", late)

    def let_through(self, count: int = 1) -> None:
        """Let some go on, those held back now or the next."""
        for _ in range(count):
            self._let_through.release()
