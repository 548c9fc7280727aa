"""Runs a module of the project in a process of its own, to its end."""

import asyncio
import sys
from typing import NamedTuple

from infra.settings import REPOSITORY


class Ended(NamedTuple):
    """How a process ended, and what it wrote."""

    code: int
    output: str
    errors: str


async def run_module(module: str, *arguments: str) -> Ended:
    """`python -m MODULE ARGUMENTS...` in the repository. It is stopped when the caller is cancelled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, output.decode(), errors.decode())
