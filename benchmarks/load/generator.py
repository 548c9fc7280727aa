"""Runs the load generator in a process of its own, from within a benchmark."""

from benchmarks.child import run_module
from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan


class LoadFailed(Exception):
    """The load generator ended with an error; the message is what it wrote."""


async def load(plan: Plan) -> Measured:
    """Carry a plan out and give what was measured. Raises `LoadFailed`."""
    ended = await run_module("benchmarks.load", plan.dumps())
    if ended.code != 0:
        raise LoadFailed(ended.errors)
    return Measured.loads(ended.output)
