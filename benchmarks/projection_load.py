"""What goes on while projections are killed: one import after the other, one rebuild of everything after the other."""

import asyncio
import contextlib
import gzip
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka.errors import KafkaError

from benchmarks.stage import CommandFailed, stockroom
from event_schemas.topics import TOPICS
from infra.imports.sample import sample_csv
from infra.log_batch import START
from infra.log_reader import LogReader
from infra.settings import REPOSITORY, Settings
from projectors.rebuilds.compare import NotCompared

PRODUCTS = 150
BROKEN_OFF = {1, NotCompared.exit_code, -signal.SIGKILL}
"""Exit codes of a rebuild that a server went away from, that found nobody who fills what serves, or that was killed:
the same command goes on."""
AGAIN_SECONDS = 0.1


class Importing:
    """Imports samples of so many invoices, each from another seed, until ``last`` is called."""

    def __init__(self, invoices: int) -> None:
        self._invoices = invoices
        self._seed = 0
        self._goes_on = True

    def last(self) -> None:
        """Let the one that runs come to its end."""
        self._goes_on = False

    async def run(self) -> None:
        """Raises `CommandFailed`."""
        self._goes_on = True
        with TemporaryDirectory(prefix="stockroom-sample-") as folder:
            while self._goes_on:
                self._seed += 1
                file = Path(folder) / f"sample-{self._seed}.csv.gz"
                file.write_bytes(gzip.compress(sample_csv(self._seed, PRODUCTS, self._invoices)))
                await stockroom("import", "retail", str(file))


class Rebuilding:
    """`rebuild --all` over and over, until ``last`` is called."""

    def __init__(self) -> None:
        self.through = 0
        self.broken_off = 0
        self._goes_on = True
        self._process: asyncio.subprocess.Process | None = None

    def last(self) -> None:
        """Let the one that runs come to its end."""
        self._goes_on = False

    async def run(self) -> None:
        """Raises `CommandFailed` when one ends otherwise than through, by a server that went away, or by ``kill``."""
        while self._goes_on:
            self._process = process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "projectors", "rebuild", "--all"),
                cwd=REPOSITORY,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                output, _ = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if process.returncode == 0:
                self.through += 1
            elif process.returncode in BROKEN_OFF:
                self.broken_off += 1
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                raise CommandFailed(f"the rebuild ended with {process.returncode}:\n{output.decode()}")

    def kill(self) -> None:
        """SIGKILL the one that runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


async def end_of_log(settings: Settings) -> int:
    """How many records the log has; 0 while Kafka does not answer."""
    starts = {(topic.name, partition): START for topic in TOPICS for partition in range(settings.partitions)}
    with contextlib.suppress(KafkaError, OSError):
        async with LogReader(settings.bootstrap_servers, starts) as reader:
            return sum((await reader.ends()).values())
    return 0
