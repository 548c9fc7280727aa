"""The health endpoints of the policies: whether they run, what they wait for, how far they are, what hangs."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from aiokafka.errors import KafkaError
from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from infra.http.metrics import Metric, metrics_answer
from infra.http.problem_handlers import install
from infra.http.problems import Unavailable
from infra.log_reader import LogReader
from infra.settings import Settings
from infra.stores_answer import ask_postgres, failing
from policies.standing import Standing

ENDS_SECONDS = 2.0


class PoliciesNotReady(Unavailable):
    """A policy does not read yet, or waits for something that is away."""

    code, title = "not_ready", "Not all policies are running"


def create_app(standings: Sequence[Standing], settings: Settings) -> FastAPI:
    """The app that tells these standings. Kafka is asked for the ends of the log, PostgreSQL whether it answers."""
    app = FastAPI(title="Stockroom policies", openapi_url=None)
    install(app)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """200 as long as the process lives."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> dict[str, Any]:
        """200 when every policy reads and waits for nothing, and PostgreSQL answers; else 503 with the reason.

        ``alarms`` need a person.
        """
        for standing in standings:
            if not standing.running or standing.waits_for:
                reason = f"{standing.policy} in {standing.topic} waits: {standing.waits_for}"
                raise PoliciesNotReady(reason, alarms=alarms(standings))
        if why := await failing(partial(ask_postgres, settings.dsn)):
            raise PoliciesNotReady(f"PostgreSQL: {why}", alarms=alarms(standings))
        return {"status": "ready", "alarms": alarms(standings)}

    @app.get("/policies")
    async def policies() -> dict[str, Any]:
        """Every policy in every topic with positions, lag in records (null when Kafka is away), and figures."""
        ends = await _ends(standings, settings.bootstrap_servers)
        return {"items": [standing.told(None if ends is None else ends[standing.topic]) for standing in standings]}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """What is parked and what hangs, in the text format of Prometheus."""
        return policy_metrics(standings)

    return app


def policy_metrics(standings: Sequence[Standing]) -> Response:
    """By policy and topic: records that are parked, the age of the oldest, and commands that were refused."""
    figures: tuple[tuple[str, str, Callable[[Standing], float]], ...] = (
        ("parked_records", "Records that were set aside because they cannot be reacted to.", lambda one: one.parked),
        (
            "oldest_parked_seconds",
            "Age of the oldest record that is set aside, 0 when there is none.",
            lambda one: one.oldest_parked_seconds(),
        ),
        ("hanging_stories", "Commands that were refused for good.", lambda one: one.hanging.total()),
    )
    return metrics_answer(
        Metric(
            f"stockroom_policy_{name}",
            "gauge",
            told,
            [({"policy": one.policy, "topic": one.topic}, figure(one)) for one in standings],
        )
        for name, told, figure in figures
    )


def alarms(standings: Sequence[Standing]) -> dict[str, int]:
    """What needs a person: ``hanging`` stories whose command was refused, and ``parked`` records."""
    return {
        "hanging": sum(sum(standing.hanging.values()) for standing in standings),
        "parked": sum(standing.parked for standing in standings),
    }


async def _ends(standings: Sequence[Standing], bootstrap_servers: str) -> dict[str, dict[int, int]] | None:
    positions = {(s.topic, partition): position for s in standings for partition, position in s.positions.items()}
    found: dict[str, dict[int, int]] = {standing.topic: {} for standing in standings}
    if not positions:
        return None
    try:
        async with asyncio.timeout(ENDS_SECONDS), LogReader(bootstrap_servers, positions) as reader:
            for (topic, partition), end in (await reader.ends()).items():
                found[topic][partition] = end
    except (KafkaError, OSError):
        return None
    return found
