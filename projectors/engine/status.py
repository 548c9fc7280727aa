"""What is known of a running projection: where it stands, how far behind, what it waits for. Read by `/projections`."""

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from infra.lag import partition_lag
from infra.log_batch import Batch
from infra.reason import reason
from projectors.projection import Projection
from projectors.stores.store import Loaded, Outcome, ParkedKeys, Standing, last_appended_ms


class State(StrEnum):
    """What a projection is doing."""

    STARTING = "starting"
    RUNNING = "running"
    WAITING = "waiting"
    """A server is away; it is tried again."""
    REBUILD_NEEDED = "rebuild_needed"
    """An alarm: the tables are of another version. They serve as they were until a person rebuilds them."""
    STOPPED = "stopped"
    """An alarm: the log or the store is not what it was. Nothing is guessed; the others go on. A store is looked at
    again and again, so that a rebuild mends it."""


class Status:
    """The state of one projection, kept by its runner."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection
        self.state = State.STARTING
        self.generation = 0
        self.standings: dict[int, Standing] = {}
        self.parked = ParkedKeys()
        self.last_error: str | None = None
        self.applied = 0
        self._next_appended_ms: dict[int, int] = {}
        self._behind_since: dict[int, float] = {}

    def loaded(self, loaded: Loaded) -> None:
        """Take over where the store stands."""
        self.generation, self.standings, self.parked = loaded.generation, dict(loaded.standings), loaded.parked
        self._next_appended_ms.clear()
        self._behind_since = {one: since for one, since in self._behind_since.items() if one in self.standings}
        self.state = State.RUNNING

    def failed(self, state: State, error: BaseException) -> None:
        """Remember why it does not go on at the moment."""
        self.state = state
        self.last_error = reason(error)

    def reading(self, batches: list[Batch]) -> None:
        """These are in hand and not applied yet."""
        for batch in batches:
            if batch.records:
                self._next_appended_ms[batch.partition] = batch.records[0].appended_ms

    def committed(self, batches: list[Batch], outcome: Outcome) -> None:
        """These are applied."""
        self.state = State.RUNNING
        self.applied += outcome.applied
        self._next_appended_ms.clear()
        for batch in batches:
            before = self.standings[batch.partition]
            self.standings[batch.partition] = Standing(
                batch.after, last_appended_ms(batch, before.appended_ms), before.void + batch.void
            )
            if batch.records:
                self._behind_since[batch.partition] = batch.records[-1].appended_ms / 1000
        if outcome.parked:
            self.parked = self.parked.after(outcome)
            self.last_error = next(
                (one.error for one in outcome.parked if one.code != "queued_behind"), self.last_error
            )

    def observe(self, ends: Mapping[int, int]) -> None:
        """Compare with the ends of the partitions, so that lag in seconds is known where nothing is in hand."""
        for partition, standing in self.standings.items():
            if ends.get(partition, 0) > standing.position.next_offset:
                self._behind_since.setdefault(partition, time.time())
            else:
                self._behind_since.pop(partition, None)

    def described(self, ends: Mapping[int, int]) -> dict[str, Any]:
        """The projection as JSON: lag in events, and in seconds since the next unread record was appended. Where that
        could not be read yet: since the one before it was, or since the lag was first seen.
        """
        return {
            "name": self.projection.name,
            "version": self.projection.version,
            "generation": self.generation,
            "store": self.projection.store,
            "topic": self.projection.topic,
            "state": self.state,
            "partitions": [self._partition(number, ends) for number in sorted(self.standings)],
            "parked_keys": len(self.parked.keys),
            "last_error": self.last_error,
        }

    def _partition(self, number: int, ends: Mapping[int, int]) -> dict[str, Any]:
        standing = self.standings[number]
        end = max(ends.get(number, 0), standing.position.next_offset)
        appended_ms = self._next_appended_ms.get(number)
        since = appended_ms / 1000 if appended_ms else self._behind_since.get(number, time.time())
        lag = partition_lag(number, standing.position.next_offset, end, since, standing.void)
        return {**lag, "last_applied_ms": standing.appended_ms}
