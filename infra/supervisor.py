"""Starts the servers, the topics and the processes, keeps them running, and stops them in the reverse order.

`python -m infra.supervisor` is what `up --detach` leaves in the background. It knows nothing of the log or the tables:
a process that dies is only started again.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import TextIO

import structlog

from infra.launcher.group import Group, StartFailed
from infra.launcher.home import Home
from infra.launcher.lock import AlreadyRunning, only_one
from infra.launcher.logs import last_lines, open_log
from infra.launcher.orphans import stop_orphans
from infra.launcher.ports import complaints
from infra.launcher.processes import process_programs
from infra.launcher.program import CannotStart, NotReady
from infra.launcher.record import ProcessRecord
from infra.launcher.state import SUPERVISOR, ProcessState, State
from infra.launcher.supervised import Supervised
from infra.servers import database
from infra.servers.embedded import embedded_programs
from infra.settings import REPOSITORY, Settings, settings

STOP_SECONDS = 150.0

log = structlog.get_logger("supervisor")


class Supervisor:
    """Everything of one home, from start to stop."""

    def __init__(self, settings: Settings, on_change: Callable[[State], None] = lambda state: None) -> None:
        """Reads what to start. Raises `CannotStart` when a server's binary is missing."""
        self.home = Home.of(settings)
        self._settings = settings
        self._tell = on_change
        self._phase, self._message = "starting", ""
        self.servers = Group(embedded_programs(settings, self.home), self.home, self._changed)
        self.processes = Group(process_programs(settings, self.home), self.home, self._changed)

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT; returns 0 then, 1 when the start failed. Raises `AlreadyRunning`."""
        with only_one(self.home):
            stop_orphans(self.home)
            stopped = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stopped.set)
            record = ProcessRecord.of(SUPERVISOR, os.getpid(), signal.SIGTERM, STOP_SECONDS)
            assert record is not None
            record.save(self.home.run)
            try:
                return await self._start_and_stay(stopped)
            finally:
                record.forget(self.home.run)

    async def _start_and_stay(self, stopped: asyncio.Event) -> int:
        start = asyncio.create_task(self._start())
        stop = asyncio.create_task(stopped.wait())
        code = 0
        try:
            await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
            if start.done():
                start.result()
                self._enter("ready")
                await stop
        except (StartFailed, CannotStart) as error:
            code = 1
            self._enter("failing", str(error))
        finally:
            await self._stop(start, stop)
        self._enter("failed" if code else "stopped", self._message)
        return code

    async def _start(self) -> None:
        if wrong := complaints(self._settings.host, [each.program for each in self._all()]):
            raise CannotStart("\n".join(wrong))
        self._enter("starting")
        await self.servers.start(self._settings.start_seconds)
        if self._settings.postgres_dsn:
            await self._make_ready(self._settings.postgres_dsn)
        await self._create_topics()
        await self.processes.start(self._settings.start_seconds)

    async def _stop(self, *tasks: asyncio.Task[object]) -> None:
        if self._phase != "failing":
            self._enter("stopping")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.processes.stop(in_turn=True)
        await self.servers.stop(in_turn=False)

    async def _make_ready(self, dsn: str) -> None:
        reason = ""
        try:
            async with asyncio.timeout(self._settings.start_seconds):
                while True:
                    try:
                        return await database.make_ready(dsn)
                    except NotReady as error:
                        reason = str(error)
                    await asyncio.sleep(1.0)
        except TimeoutError:
            raise StartFailed(f"The database of STOCKROOM_POSTGRES_DSN is not ready: {reason}") from None

    async def _create_topics(self) -> None:
        path = self.home.log("create_topics")
        with open_log(path) as output:
            begins = output.tell()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "infra.create_topics", stdout=output, stderr=output, cwd=REPOSITORY
            )
            try:
                code = await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if code != 0:
            raise StartFailed("The topics could not be created:\n" + "\n".join(last_lines(path, 20, begins)))

    def _all(self) -> list[Supervised]:
        return [*self.servers.members, *self.processes.members]

    def _enter(self, phase: str, message: str = "") -> None:
        self._phase, self._message = phase, message
        log.info(phase, **({"message": message.splitlines()[0]} if message else {}))
        self._changed()

    def _changed(self) -> None:
        processes = [self._describe(each) for each in self._all()]
        state = State(self._phase, self._message, processes, self._settings.command_apis, self._settings.projectors)
        state.save(self.home)
        self._tell(state)

    def _describe(self, member: Supervised) -> ProcessState:
        program = member.program
        port = next(iter(program.ports.values()))
        path = str(self.home.log(program.name))
        return ProcessState(
            program.name, member.state, member.reason, program.address, port, path, member.pid, member.restarts
        )


def log_to(output: TextIO) -> None:
    """Sends the supervisor's own log lines to a file."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso"),
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(output),
    )


def main() -> int:
    """Runs the supervisor for `up --detach`; its exit code is 0 after a stop, 1 after a failed start."""
    log_to(sys.stdout)
    configuration = settings()
    try:
        return asyncio.run(Supervisor(configuration).run())
    except AlreadyRunning:
        return 0
    except CannotStart as error:
        State("failed", str(error)).save(Home.of(configuration))
        return 1


if __name__ == "__main__":
    sys.exit(main())
