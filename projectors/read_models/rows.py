"""From rows to the column arrays that `unnest` takes, and the times that a COPY takes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from projectors.projection import Statement


def over(sql: str, rows: Iterable[tuple[Any, ...]]) -> list[Statement]:
    """The statement with one array a column of `rows`, in their order; nothing at all when there are no rows."""
    columns = tuple(zip(*rows, strict=True))
    return [Statement(sql, columns)] if columns else []


@lru_cache(maxsize=1_000)
def appended_at(appended_ms: int) -> datetime:
    """Kafka's append time, which is in milliseconds, as PostgreSQL's `to_timestamp` gives it. A batch shares it."""
    return datetime.fromtimestamp(appended_ms / 1000, UTC)


MOST = 10**15
"""The largest number of pieces, or amount in minor units, that one event may add to a sum or take from it."""


def summable(*numbers: int) -> None:
    """Raise `ValueError` for a number beyond `MOST`. A sum over a batch must not hide what alone would be too large for
    its column; so bounded, thousands of them fit.
    """
    if any(abs(number) > MOST for number in numbers):
        raise ValueError(f"{max(numbers, key=abs)} is too large to be added up, the most is {MOST}")


def storable(*values: str | datetime | None) -> None:
    """Raise `ValueError` for text with a zero in it, and `OverflowError` for a time that is none in UTC: PostgreSQL has
    neither. For what a later event of the batch may overwrite before the server sees it.
    """
    for value in values:
        if isinstance(value, str):
            if "\0" in value:
                raise ValueError(f"{value!r} has a zero in it, which no table takes")
        elif value is not None:
            value.astimezone(UTC)
