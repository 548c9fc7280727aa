"""What `/v1/dead-letters` of the projectors and of the policies have in common: parameters, bodies, refusals, pages."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from infra.drop_reason import Reason
from infra.http.problems import NotFound
from infra.parked_told import Letter

Number = Annotated[int, Path(ge=0, lt=2**31)]
"""A partition in a path."""
Offset = Annotated[int, Path(ge=0, lt=2**63)]
"""An offset in a path."""
Limit = Annotated[int, Query(ge=1, le=1_000)]
"""The most records of a page."""
RetryKey = Annotated[str | None, Field(pattern=r"^[^\x00]*$", description="Key of the records, or null for every key.")]
"""What a retry is about, in a body."""

Reader = TypeVar("Reader")
Place = TypeVar("Place")


class NotParked(NotFound):
    """Nothing is parked at this place, or no more."""

    code, title = "dead_letter_not_found", "Nothing is parked there"


class DropRequest(BaseModel):
    """Why a record is given up."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


async def page(
    readers: Sequence[Reader],
    after: tuple[Reader, Place] | None,
    limit: int,
    count: Callable[[Reader], Awaitable[int]],
    letters: Callable[[Reader, Place | None], AsyncIterator[Letter]],
) -> dict[str, Any]:
    """The next ``limit`` letters of these readers behind a place of one of them, or from the beginning; none where that
    one is not among them.

    ``count`` says how many a reader has in all, ``letters`` gives those behind a place, or all for None. ``next`` is
    the cursor of the last one, null at the end.
    """
    first, place = after or (readers[0], None)
    total = sum([await count(reader) for reader in readers])
    found: list[Letter] = []
    async for letter in _behind(readers, first, place, letters):
        found.append(letter)
        if len(found) > limit:
            break
    items = [letter.described() for letter in found[:limit]]
    return {"total": total, "items": items, "next": found[limit - 1].cursor if len(found) > limit else None}


async def _behind(
    readers: Sequence[Reader],
    first: Reader,
    place: Place | None,
    letters: Callable[[Reader, Place | None], AsyncIterator[Letter]],
) -> AsyncIterator[Letter]:
    for reader in readers[readers.index(first) if first in readers else len(readers) :]:
        async for letter in letters(reader, place if reader is first else None):
            yield letter
