"""How a policy stands in a topic: what it does, what it waits for, what it has done. Told by the health endpoints."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import structlog

from infra.log_batch import Position

logger = structlog.get_logger(__name__)


@dataclass
class Standing:
    """Figures since the start of the process; ``positions``, ``hanging`` and ``parked`` are the stored ones."""

    policy: str
    topic: str
    running: bool = False
    """It has its positions and reads."""
    waits_for: str = "its stored positions"
    """What keeps it from going on at this moment, in words; empty when nothing does."""
    positions: dict[int, Position] = field(default_factory=dict)
    commands: int = 0
    requests: int = 0
    retried: int = 0
    void: int = 0
    hanging: Counter[str] = field(default_factory=Counter)
    """Refused commands by code. Each leaves a story that does not end by itself."""
    parked: int = 0
    oldest_parked_ms: int | None = None
    """When the oldest of them was appended, in ms since 1970; None for nothing, or not known yet."""
    _told: bool = False

    def waiting(self, reason: str) -> None:
        """Something is away; said in the log once, until it goes on."""
        if not self._told:
            logger.warning("waiting", policy=self.policy, topic=self.topic, reason=reason)
        self.waits_for, self._told = reason, True

    def going_on(self) -> None:
        """Nothing is in the way any more."""
        if self._told:
            logger.info("going on", policy=self.policy, topic=self.topic)
        self.waits_for, self._told = "", False

    def oldest_parked_seconds(self) -> float:
        """Age of the oldest parked record, 0 when there is none."""
        oldest = self.oldest_parked_ms
        return 0.0 if oldest is None else max(0.0, round(time.time() - oldest / 1000, 3))

    def told(self, ends: dict[int, int] | None) -> dict[str, Any]:
        """As JSON-ready values; ``ends`` are the offsets after the last record by partition, None when not known."""
        partitions = {
            str(partition): {
                "next_offset": position.next_offset,
                "epoch": position.holder.epoch,
                "writer": position.holder.writer,
                "lag": None if ends is None else max(0, ends.get(partition, 0) - position.next_offset),
            }
            for partition, position in sorted(self.positions.items())
        }
        return {
            "policy": self.policy,
            "topic": self.topic,
            "running": self.running,
            "waits_for": self.waits_for or None,
            "lag": None if ends is None else sum(p["lag"] or 0 for p in partitions.values()),
            "commands": self.commands,
            "requests": self.requests,
            "retried": self.retried,
            "void": self.void,
            "hanging": dict(self.hanging),
            "parked": self.parked,
            "oldest_parked_seconds": self.oldest_parked_seconds(),
            "partitions": partitions,
        }
