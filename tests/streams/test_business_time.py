"""What sells now goes by when it was sold, not by when the streams heard of it, over real servers."""

from datetime import UTC, datetime, timedelta

from event_schemas.event import Event
from tests.projectors.log import confirmed
from tests.streams.conftest import Streams


async def test_history_and_late_events_count_at_their_business_time(streams: Streams) -> None:
    now = datetime.now(UTC)
    ages = {"S1": timedelta(minutes=5), "S2": timedelta(hours=5), "S3": timedelta(days=3), "S4": timedelta(days=20)}
    told: list[tuple[str, Event]] = [
        (sku, confirmed(sku, {sku: 2}, at=now - age)) for sku, age in reversed(ages.items())
    ]
    told.append(("late", confirmed("late", {"S8": 3}, at=now - ages["S2"])))
    told.append(("old", confirmed("old", {"S5": 7, "S6": 1}, at=datetime(2010, 12, 1, tzinfo=UTC))))
    told.append(("future", confirmed("future", {"S7": 7}, at=now + timedelta(hours=30))))
    await streams.start()
    await streams.append(1, told)
    await streams.caught_up()
    for _ in range(2):
        shown = {window: set(await streams.scores(f"now:{window}")) for window in ("1h", "24h", "7d", "30d")}
        assert shown == {
            "1h": {"p-S1"},
            "24h": {"p-S1", "p-S2", "p-S8"},
            "7d": {"p-S1", "p-S2", "p-S3", "p-S8"},
            "30d": {"p-S1", "p-S2", "p-S3", "p-S4", "p-S8"},
        }
        assert await streams.scores("also:p-S5") == {"p-S6": 1}
        await streams.end()
        await streams.start()
        await streams.append(1, [("next", confirmed("next", {"S1": 1}, at=now))])
        await streams.caught_up()
