"""The reader of a rebuild: it is only asked for what is there, so one that brings nothing for long is told apart from
one that has read all.
"""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from infra.log_batch import Batch, Position
from infra.log_reader import LogReader

VAIN_SECONDS = 10.0


class WatchedReader(LogReader):
    """A reader that raises ``TimeoutError`` when its consumer is deaf or the log has not what it is asked for: nothing
    came in ``VAIN_SECONDS`` of asking, one reading after the other. A new one is then to be tried.
    """

    def __init__(self, bootstrap_servers: str, positions: Mapping[tuple[str, int], Position], **settings: Any) -> None:
        super().__init__(bootstrap_servers, positions, **settings)
        self._vain = 0.0

    async def read(
        self, *, max_records: int = 2_000, timeout_ms: int = 200, only: Collection[tuple[str, int]] = ()
    ) -> list[Batch]:
        """As `LogReader.read`, to be asked only where there is more to read: what comes of one place hides that another
        is deaf.
        """
        asked_at = time.monotonic()
        async with asyncio.timeout(VAIN_SECONDS):
            batches = await super().read(max_records=max_records, timeout_ms=timeout_ms, only=only)
        self._vain = 0.0 if batches else self._vain + time.monotonic() - asked_at
        if self._vain > VAIN_SECONDS:
            raise TimeoutError(f"nothing came for {VAIN_SECONDS:.0f} s although there is more to read")
        return batches


def beyond(served: Mapping[int, int], ends: Mapping[int, int]) -> Sequence[int]:
    """Partitions in which what is ``served`` stands beyond the log's end, by next offsets: the log has lost records."""
    return sorted(partition for partition, offset in served.items() if offset > ends.get(partition, 0))
