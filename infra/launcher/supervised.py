"""One program kept running: started, watched until it is ready, restarted when it dies, stopped.

It is started again at once; one that dies again before it was steady has growing pauses between its starts.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable

import structlog

from infra.launcher.home import Home
from infra.launcher.logs import open_log
from infra.launcher.program import CannotStart, NotReady, Program
from infra.launcher.record import ProcessRecord
from infra.settings import REPOSITORY

FIRST_PAUSE = 0.2
"""Seconds before a second start in a row; there is none before the first."""
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
CHECK_EVERY = 0.1

log = structlog.get_logger("supervisor")


class Supervised:
    """A program under supervision. `state` is waiting, starting, ready, restarting or stopped; `reason` says why.

    `log_begins`: the byte of its log at which this start begins, None until its log is opened.
    """

    def __init__(self, program: Program, home: Home, on_change: Callable[[], None] = lambda: None) -> None:
        self.program = program
        self.state = "waiting"
        self.reason = ""
        self.pid: int | None = None
        self.restarts = 0
        self.deaths_before_ready = 0
        self.log_begins: int | None = None
        self.is_ready = asyncio.Event()
        self._home = home
        self._on_change = on_change
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begins to keep the program running; returns at once."""
        self._stopping = False
        self.log_begins = None
        self._task = asyncio.create_task(self._keep_running(), name=f"supervise {self.program.name}")

    async def stop(self) -> None:
        """Stops the program: its signal, then SIGKILL after its bound. A second call does nothing."""
        self._stopping = True
        process, task = self._process, self._task
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.program.stop_signal)
            try:
                await asyncio.wait_for(process.wait(), self.program.stop_seconds)
            except TimeoutError:
                log.warning("killed: it did not stop in time", name=self.program.name, pid=process.pid)
                _kill_group(process.pid)
                await process.wait()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            self._task = None
        self._change("stopped", "")

    async def _keep_running(self) -> None:
        pause = 0.0
        while not self._stopping:
            began = time.monotonic()
            try:
                ended = await self._run_once()
            except (CannotStart, OSError) as error:
                ended = str(error)
            if self._stopping:
                return
            if not self.is_ready.is_set():
                self.deaths_before_ready += 1
            self.is_ready.clear()
            self.restarts += 1
            if time.monotonic() - began > STEADY_SECONDS:
                pause = 0.0
            self._change("restarting", ended)
            log.warning("ended, starts again", name=self.program.name, reason=ended, pause_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)

    async def _run_once(self) -> str:
        program = self.program
        self._change("starting", "")
        await asyncio.to_thread(program.prepare)
        with open_log(self._home.log(program.name)) as output:
            # A log that was set aside between two tries begins anew.
            begins = output.tell()
            self.log_begins = begins if self.log_begins is None else min(self.log_begins, begins)
            self._process = process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                cwd=REPOSITORY,
                env={**os.environ, **program.environment},
                start_new_session=True,
            )
        self.pid = process.pid
        record = ProcessRecord.of(program.name, process.pid, program.stop_signal, program.stop_seconds)
        if record is not None:
            record.save(self._home.run)
        watch = asyncio.create_task(self._watch_until_ready())
        try:
            code = await process.wait()
        finally:
            watch.cancel()
            if process.returncode is not None:
                self.pid = None
                _kill_group(process.pid)
                if record is not None:
                    record.forget(self._home.run)
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    async def _watch_until_ready(self) -> None:
        while True:
            try:
                await self.program.check()
            except NotReady as error:
                if str(error) != self.reason:
                    self._change("starting", str(error))
                await asyncio.sleep(CHECK_EVERY)
            else:
                self._change("ready", "")
                self.is_ready.set()
                return

    def _change(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        self._on_change()


def _kill_group(pid: int) -> None:
    # Each program leads a session of its own, so this reaches workers that outlived it and would hold its port.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
