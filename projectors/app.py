"""HTTP of the projectors process: is it alive, is it ready, where does each projection stand, and what is parked."""

from typing import Any

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from infra.http.limits import BodyLimit
from infra.http.problem_handlers import install
from infra.http.problems import Unavailable
from infra.projection_metrics import projection_metrics
from projectors.dead_letters.drops_http import drops_router
from projectors.dead_letters.http import dead_letters_router
from projectors.engine.engine import Engine
from projectors.metrics import measured
from projectors.rebuilds.http import rebuilds_router

MOST_BODY_BYTES = 10_000
"""Of a request: a retry names a projection and a key."""


class NotReady(Unavailable):
    """A server does not answer, or a projection starts or waits; `reasons` has each, `alarms` what needs a person."""

    code, title = "not_ready", "Not every projection can run"


def create_app(engine: Engine) -> FastAPI:
    """The app that shows an engine's state, retries and drops its dead letters, rebuilds its projections and rolls them
    back.
    """
    app = FastAPI(title="Stockroom projectors", version="1")
    install(app)
    app.add_middleware(BodyLimit, max_bytes=MOST_BODY_BYTES)
    over = engine.pool, engine.redis, engine.projections
    app.include_router(dead_letters_router(*over))
    app.include_router(drops_router(engine.settings, *over))
    app.include_router(rebuilds_router(engine.settings, *over))

    @app.get("/health")
    async def health() -> dict[str, str]:
        """The process is alive."""
        return {"status": "ok"}

    @app.get("/ready")
    async def ready() -> dict[str, Any]:
        """The stores answer, and every projection reads and applies but those that `alarms` names: they need a rebuild
        or were stopped, and wait for a person, while all others serve. Else 503 `not_ready` with the reasons.
        """
        reasons, alarms = await engine.not_ready(), engine.alarms()
        if reasons:
            told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            raise NotReady(told, reasons=reasons, alarms=alarms)
        return {"status": "ready", "alarms": alarms}

    @app.get("/projections")
    async def projections() -> dict[str, Any]:
        """Each projection: generation, state, parked keys, last error; position, end and lag of the partitions that
        this worker fills. And which workers live."""
        return {"worker": engine.workers.name, "workers": engine.workers.live, "projections": engine.described()}

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """The same in the text format of Prometheus, with the number and age of parked records."""
        return projection_metrics(await measured(engine))

    return app
