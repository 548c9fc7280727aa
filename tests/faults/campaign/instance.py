"""One process of the product that a campaign kills, stops, continues and restarts as it likes."""

import asyncio
import contextlib
import os
import signal
import sys
import time

from infra.launcher.home import Home
from infra.launcher.logs import last_lines, open_log
from infra.launcher.processes import check
from infra.launcher.program import NotReady
from infra.settings import REPOSITORY, Settings

STOP_SECONDS = 15.0
LOOK_SECONDS = 0.05


class DidNotStart(AssertionError):
    """The process is not ready in time, or ended by itself; the message holds the end of its log."""


class Instance:
    """A process by name, at ``url``. ``module`` is what is run by `python -m`, with its arguments."""

    def __init__(self, name: str, module: str, settings: Settings, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self.module: tuple[str, ...] = (module,)
        self._name = name
        self._log = Home.of(settings).log(name)
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def runs(self) -> bool:
        """Whether the process is there, be it stopped."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the process; returns at once."""
        with open_log(self._log) as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *self.module,
                cwd=REPOSITORY,
                env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )

    async def ready(self, seconds: float) -> float:
        """Wait until it says that it is ready; gives the seconds that took. Raises ``DidNotStart``."""
        began = time.monotonic()
        while True:
            try:
                await check(self.url)
                return time.monotonic() - began
            except NotReady as why:
                if time.monotonic() > began + seconds or not self.runs:
                    lines = "\n".join(last_lines(self._log, 20))
                    raise DidNotStart(f"{self._name} is not ready after {seconds} s: {why}\n{lines}") from why
            await asyncio.sleep(LOOK_SECONDS)

    def pause(self) -> None:
        """SIGSTOP: it holds all it holds, and does nothing."""
        self._send(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: it goes on as if nothing had been."""
        self._send(signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self._send(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    async def stop(self) -> bool:
        """SIGTERM, and wait for its end; False when it had to be killed after all."""
        self._send(signal.SIGCONT)
        self._send(signal.SIGTERM)
        if self._process is None:
            return True
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
            return True
        except TimeoutError:
            await self.kill()
            return False

    def _send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
