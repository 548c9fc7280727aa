"""`python -m tests.projectors.worker NAME STORE WORKER`: a worker of a tiny projection as a process, to be killed."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.settings import REPOSITORY, Settings
from projectors.engine.engine import Engine
from projectors.projection import Projection
from projectors.stores.connect import HELD_SECONDS, connect_postgres, connect_redis
from tests.projectors.tiny import tiny


async def main(name: str, store: str, worker: str) -> None:
    settings = Settings()
    redis = connect_redis(settings)
    async with connect_postgres(settings, held_seconds=HELD_SECONDS) as pool:
        await Engine(settings, pool, redis, [tiny(name, "redis" if store == "redis" else "postgres")], worker).run()


@asynccontextmanager
async def worker_process(projection: Projection, worker: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process, which is killed at the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.projectors.worker", projection.name, projection.store, worker),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
