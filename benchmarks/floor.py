"""The floor of the command benchmark: `python -m benchmarks.floor` is the command API with a log that is not there.

HTTP, validation, the catalog copy, decisions, memory and answers are the product's own; only an append is answered at
once, by nobody. What the real one needs beyond this is the price of the log. Products come from the real catalog.
Orders that it acknowledges are lost, so it has a group and a database of its own: see `running_floor`.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from command_api.app import create_app, run_writers
from command_api.fence.log import Outgoing
from event_schemas.record import LogRecord
from infra.http.serve import serve, stop_on_signals
from infra.process import ANSWERING, run_process
from infra.settings import Settings


class FloorLog:
    """Says of each batch where it would lie, and forgets all but the last: a claim is read back, nothing else is."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self._last: Sequence[Outgoing] = ()
        self._end = 0

    async def append(self, records: Sequence[Outgoing]) -> int:
        """See `Log.append`. What arrives meanwhile is decided together, as it is behind the real one."""
        await asyncio.sleep(0)
        self._last = records
        self._end += len(records)
        return self._end - len(records)

    async def end(self) -> int:
        """See `Log.end`. Nothing that was appended before matters to a claim."""
        return 0

    async def read(self, start: int) -> AsyncGenerator[list[LogRecord], None]:
        """See `Log.read`; `start` lies in the last batch."""
        base = self._end - len(self._last)
        yield [
            LogRecord(self.topic, self.partition, offset, 0, *record)
            for offset, record in enumerate(self._last, start=base)
            if offset >= start
        ]

    async def close(self) -> None:
        """See `Log.close`."""


async def serve_floor(configuration: Settings) -> None:
    """Serve until told to stop, on the command API's port of the settings."""
    app, stop = create_app(configuration), stop_on_signals()
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(app, configuration.host, configuration.command_api_port, stop))
        group.create_task(run_writers(app, configuration, stop, open_log=FloorLog))


if __name__ == "__main__":
    run_process(serve_floor, ANSWERING)
