"""HTTP of the streams' process: is it alive, is it ready, and how far behind is it."""

import time
from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.responses import Response

from infra.http.problem_handlers import install
from infra.http.problems import Unavailable
from infra.lag import partition_lag
from infra.projection_metrics import projection_metrics
from projectors.log_ends import LogEnds
from projectors.streams.behind import Behind
from projectors.streams.shard import Shard
from projectors.streams.worker import Worker

NAME = "streams"
"""Of what is published, as `/v1/projections` has it."""


class NotReady(Unavailable):
    """The streams have not taken up their partitions yet, or cannot publish; `reasons` says which, `alarms` what needs
    a person.
    """

    code, title = "not_ready", "The streams are not running"


class Health:
    """What the process knows of itself. `worker` is there once Kafka has answered."""

    def __init__(self, ends: LogEnds, topic: str) -> None:
        self.worker: Worker | None = None
        self.not_published: str | None = "nothing published yet"
        """Why Redis does not have what the shards say; None when it has."""
        self._behind = Behind()
        self._ends = ends
        self._topic = topic

    def reasons(self) -> list[str]:
        """Why the streams are not ready; empty when they are."""
        if self._ends.error is not None:
            return [f"Kafka: {self._ends.error}"]
        if self.worker is None or not self.worker.is_ready:
            return ["the tables are being recovered"]
        return [self.not_published] if self.not_published else []

    def observe(self) -> None:
        """Note since when partitions are behind their ends; to be called every second or so."""
        self._behind.look(self._shards, self._ends.of(self._topic), time.time())

    def partitions(self) -> list[dict[str, Any]]:
        """Position, end, events between them, how long the first of these waits, in seconds and as far as is known, and
        records that never happened, of each partition that this worker has.
        """
        ends, now, shards = self._ends.of(self._topic), time.time(), self._shards
        behind = self._behind.look(shards, ends, now)
        found = []
        for partition, shard in sorted(shards.items()):
            next_offset = shard.position.next_offset
            end = max(ends.get(partition, 0), next_offset)
            found.append(partition_lag(partition, next_offset, end, behind.get(partition, now), shard.void))
        return found

    def alarms(self) -> list[str]:
        """What is missing from the figures of this worker's partitions until a person mends it."""
        return [
            f"{self._topic}/{partition}: {shard.undecodable} undecodable events are missing from live windows and "
            f"partners, the last is {self._topic}/{partition}@{shard.undecodable_at}"
            for partition, shard in sorted(self._shards.items())
            if shard.undecodable
        ]

    @property
    def _shards(self) -> dict[int, Shard]:
        return self.worker.shards if self.worker else {}


def create_health_app(health: Health) -> FastAPI:
    """The app that shows it. It changes nothing."""
    app = FastAPI(title="Stockroom streams", version="1")
    install(app)

    @app.get("/health")
    async def alive() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> dict[str, Any]:
        """Partitions are taken up and published; else 503 `not_ready`. `alarms`: events that could not be read, also
        before this worker began.
        """
        if reasons := health.reasons():
            raise NotReady("; ".join(reasons), reasons=reasons, alarms=health.alarms())
        return {"status": "ready", "alarms": health.alarms()}

    @app.get("/positions")
    async def positions() -> dict[str, list[dict[str, Any]]]:
        """Position, end and lag of each partition that this worker has."""
        return {"partitions": health.partitions()}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The same for Prometheus, under the names that read models have."""
        return projection_metrics([{"name": NAME, "partitions": health.partitions()}])

    return app
