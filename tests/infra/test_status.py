"""The projections' table of `./stockroom status`."""

import io

from rich.console import Console

from infra.commands.out_of_date import out_of_date
from infra.commands.status import projection_table

STANDING = {
    "name": "order_history",
    "store": "postgres",
    "topic": "orders",
    "version": 1,
    "generation": 12,
    "lag_events": 541_909,
    "lag_seconds": 86_400.123,
    "parked": 3,
    "void": 1_234,
    "error": None,
    "partitions": [],
}


def shown(*projections: dict[str, object]) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=200).print(projection_table(list(projections)))
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_void_records_have_a_column_and_the_table_fits_80_columns() -> None:
    heading, row = shown(STANDING)
    assert heading.split() == ["projection", "topic", "version", "gen", "behind", "seconds", "parked", "void"]
    assert row.split() == ["order_history", "orders", "1", "12", "541909", "86400.123", "3", "1234"]
    assert max(len(heading), len(row)) <= 80


def test_an_error_has_a_column_when_there_is_one_and_what_is_unknown_is_a_dash() -> None:
    away = dict.fromkeys(STANDING) | {"name": "sales", "error": "dependency_unavailable: away"}
    heading, *_, row = shown(STANDING, away)
    assert heading.split()[-1] == "error"
    assert row.split() == ["sales", *["-"] * 7, "dependency_unavailable:", "away"]


def test_what_is_out_of_date_is_told_with_what_helps() -> None:
    current = STANDING | {"wanted_version": 1, "out_of_date": False, "kept_generation": 11, "kept_version": 1}
    newer = STANDING | {"wanted_version": 2, "out_of_date": True, "kept_generation": 11, "kept_version": 1}
    undone = newer | {"kept_generation": 13, "kept_version": 2}
    line = "out of date: order_history serves version 1, the code is version 2: ./stockroom rebuild order_history"
    back = ", or ./stockroom rollback order_history (generation 13 is of version 2)"
    assert out_of_date([STANDING, current, newer, undone]) == [line, line + back]
