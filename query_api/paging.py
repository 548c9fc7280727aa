"""Parameters that pages share: how many, and after which cursor."""

from typing import Annotated

from fastapi import Query

Limit = Annotated[int, Query(ge=1, le=100, description="Most items in the answer.")]
Cursor = Annotated[
    str | None, Query(min_length=1, max_length=2000, description="`next_cursor` of the page before, as it is.")
]
Offset = Annotated[
    int | None, Query(ge=0, le=100_000, description="How many items to skip; excludes `cursor`, which is faster.")
]
