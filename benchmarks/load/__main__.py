"""The load generator's process: `python -m benchmarks.load PLAN`. Takes a plan and writes what it measured, as JSON."""

import asyncio
import contextlib
import gc
import resource
import sys
import time
from dataclasses import replace

import uvloop

from benchmarks.load.connection import Connection
from benchmarks.load.following import Follower
from benchmarks.load.loops import ClosedLoop, Loop, OpenLoop
from benchmarks.load.measured import Measured, NothingAnswered, Tally
from benchmarks.load.orders import order_requests
from benchmarks.load.paths import path_requests
from benchmarks.load.plan import Plan
from benchmarks.load.receipts import receipt_requests
from infra.reason import reason

START_SECONDS = 0.05
"""Between the last connection and the first request."""


async def run(plan: Plan) -> Measured:
    """Carry the plan out. Raises `OSError` when the server cannot be reached at the start."""
    running = asyncio.get_running_loop()

    def answered(connection: Connection, failure: str) -> None:
        if not failure and plan.followed_every:
            failure = follower.answered(connection.head)
        way.answered(connection, failure)
        if not way.waiting:
            quiet.set()

    quiet = asyncio.Event()
    connections = []
    follower = Follower(plan.followed_every)
    if plan.followed_every:
        await follower.connect(plan.host, plan.query_port, plan.clients)
    for _ in range(plan.clients):
        _, connection = await running.create_connection(
            lambda: Connection(plan.expected.encode(), answered), plan.host, plan.port
        )
        connections.append(connection)
    began = time.perf_counter() + START_SECONDS
    until = began + plan.warm_up_seconds + plan.seconds
    follower.since = began + plan.warm_up_seconds
    tally = Tally(follower.since, until)
    requests = path_requests(plan) if plan.paths else receipt_requests(plan) if plan.receipts else order_requests(plan)
    way: Loop = (
        ClosedLoop(requests, tally, until)
        if plan.rate is None
        else OpenLoop(requests, tally, began, until, plan.rate, poisson=plan.poisson)
    )
    await asyncio.sleep(START_SECONDS)
    used = _processor_seconds()
    way.start(connections)
    await asyncio.sleep(until - time.perf_counter())
    ended = time.time()
    share = (_processor_seconds() - used) / (until - began)
    way.end()
    quiet.clear()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plan.patience_seconds if way.waiting or follower.waiting else 0):
            if way.waiting:
                await quiet.wait()
            await follower.idle.wait()
    tally.unanswered(way.waiting)
    follower.close()
    for connection in connections:
        connection.close()
    measured = tally.measured(plan.clients, plan.rate, share, ended)
    return replace(measured, shown=follower.seconds, answers=follower.answers, query_failures=dict(follower.failures))


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    gc.disable()
    try:
        measured = uvloop.run(run(Plan.loads(sys.argv[1])))
    except (NothingAnswered, OSError) as error:
        sys.exit(reason(error))
    sys.stdout.write(measured.dumps() + "\n")
