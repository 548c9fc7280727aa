"""From rows to the column arrays that `unnest` takes."""

from collections.abc import Iterable
from typing import Any

from projectors.projection import Statement


def over(sql: str, rows: Iterable[tuple[Any, ...]]) -> list[Statement]:
    """The statement with one array a column of `rows`, in their order; nothing at all when there are no rows."""
    columns = tuple(zip(*rows, strict=True))
    return [Statement(sql, columns)] if columns else []
