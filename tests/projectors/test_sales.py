"""The read model `sales`: its fold without a server, its statements in the real PostgreSQL."""

from datetime import date, datetime, timedelta, timezone

from infra.settings import Settings
from projectors.read_models.sales import PROJECTION, apply, sold
from tests.projectors.log import NOON, Log, cancelled, confirmed, placed
from tests.projectors.tables import tables_of

ROWS = "SELECT partition, day, sku, quantity, revenue FROM {schema}.sold_daily ORDER BY 1, 2, 3"


def test_an_order_counts_when_it_is_confirmed_not_when_it_is_placed() -> None:
    log = Log()
    assert apply([log.add(placed("o1", {"A": 2}))]) == []
    assert len(apply([log.add(confirmed("o1", {"A": 2}))])) == 1


def test_the_day_is_the_utc_day_on_which_the_order_was_placed() -> None:
    late = datetime(2011, 3, 1, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    (sale,) = sold([Log().add(confirmed("o1", {"A": 1}, at=late))])
    assert sale.day == date(2011, 3, 2)


def test_two_lines_of_one_sku_are_summed() -> None:
    log = Log()
    statement = apply([log.add(confirmed("o1", {"A": 2})), log.add(confirmed("o2", {"A": 3}))])[0]
    assert statement.args[5:] == ((5,), (1250,))


def test_an_unconfirmed_order_takes_nothing_back() -> None:
    assert apply([Log().add(cancelled("o1", {}))]) == []


async def test_sales_are_summed_per_day_and_partition_and_taken_back(settings: Settings) -> None:
    log = Log()
    later = NOON + timedelta(days=1)
    events = [
        log.add(confirmed("o1", {"A": 2, "B": 1}), partition=0),
        log.add(confirmed("o2", {"A": 3}), partition=1),
        log.add(confirmed("o3", {"A": 4}, at=later), partition=0),
        log.add(cancelled("o1", {"A": 2, "B": 1}), partition=0),
    ]
    found = []
    for size in (1, 2, 4):
        async with tables_of(settings.dsn, PROJECTION) as tables:
            await tables.apply(events, size)
            found.append(await tables.rows(ROWS))
    assert [tuple(row.values()) for row in found[0]] == [
        (0, NOON.date(), "A", 0, 0),
        (0, NOON.date(), "B", 0, 0),
        (0, later.date(), "A", 4, 1000),
        (1, NOON.date(), "A", 3, 750),
    ]
    assert found[0] == found[1] == found[2]
