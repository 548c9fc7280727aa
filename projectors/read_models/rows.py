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
