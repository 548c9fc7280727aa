"""Runs the load generator in a process of its own, from within a benchmark."""

import asyncio
import sys

from benchmarks.load.measured import Measured
from benchmarks.load.plan import Plan
from infra.settings import REPOSITORY


class LoadFailed(Exception):
    """The load generator ended with an error; the message is what it wrote."""


async def load(plan: Plan) -> Measured:
    """Carry a plan out and give what was measured. Raises `LoadFailed`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.load",
        plan.dumps(),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise LoadFailed(errors.decode())
    return Measured.loads(output.decode())
