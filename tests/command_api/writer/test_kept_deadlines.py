"""How often the snapshot is asked for deadlines."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from command_api.snapshots.snapshot import Kept, Mark, Place
from command_api.writer import kept_deadlines
from command_api.writer.kept_deadlines import AGAIN, KeptDeadlines
from command_api.writer.key_window import KeyWindow
from command_api.writer.memory import Memory
from domain.order import ORDER
from event_schemas.holder import Holder
from infra.log_batch import Position
from tests.contract.memory_snapshots import MemorySnapshots, SharedSnapshots
from tests.support.poll import until

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PLACE = Place("memory", "orders", 0, "v1")


class Counting(MemorySnapshots):
    """A store that counts how often it was asked."""

    asked = 0

    async def due(self, place: Place, until: datetime, most: int) -> list[tuple[str, datetime]]:
        self.asked += 1
        return await super().due(place, until, most)


async def test_more_passed_deadlines_than_are_taken_at_once_are_not_asked_for_at_every_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept_deadlines, "MOST", 3)
    store, memory = Counting(SharedSnapshots()), Memory(ORDER, KeyWindow(24, 100))
    rows = [Kept(str(uuid4()), 1, b"{}", NOW - timedelta(minutes=n)) for n in range(10)]
    mark = Mark(Position(10, Holder(1, "w")), "id")
    await store.begin(PLACE, keys_since_ms=0, most_keys=10)
    await store.save(PLACE, None, mark, rows, None)
    deadlines = KeptDeadlines(store, PLACE, memory, lambda moved: pytest.fail(str(moved)))
    now = NOW
    for _ in range(4):
        deadlines.look(now)
        await until(lambda: _done(deadlines), bool)
        now += timedelta(seconds=0.25)
    assert store.asked == 1
    assert list(memory.deadlines.passed(NOW, 10)) == [row.subject for row in reversed(rows[-3:])]
    deadlines.look(NOW + AGAIN)
    await until(lambda: _done(deadlines), bool)
    assert store.asked == 2


async def _done(deadlines: KeptDeadlines) -> bool:
    return deadlines._asking is None
