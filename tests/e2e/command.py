"""Commands of `./stockroom`, as processes of their own."""

import asyncio
import os
import sys

from infra.settings import REPOSITORY


async def started(*arguments: str, **environment: str) -> asyncio.subprocess.Process:
    """A command that runs; its output and errors come together."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        *arguments,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )


async def stockroom(*arguments: str, **environment: str) -> tuple[int | None, str]:
    """Exit code and output of a command."""
    process = await started(*arguments, **environment)
    output, _ = await process.communicate()
    return process.returncode, output.decode()
