"""The projections' table of `./stockroom status`."""

import io

from rich.console import Console

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
