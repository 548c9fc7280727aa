"""Days and ranges of days in query parameters. All days are UTC."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from infra.http.problems import ValidationFailed

MOST_DAYS = 3_660
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def iso_day(text: str) -> date:
    """The day in `2010-12-05`; nothing else, as pydantic would take seconds since 1970 too. Raises a pydantic error."""
    if _ISO.fullmatch(text) is None:
        raise PydanticCustomError("iso_day", "A day is written YYYY-MM-DD, as 2010-12-05.")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("iso_day", "The calendar has no such day.") from error


Day = Annotated[date, BeforeValidator(iso_day)]
"""Type of a query parameter that is a day."""


def today() -> date:
    """The present UTC day."""
    return datetime.now(UTC).date()


def before(last: date, count: int) -> date:
    """The day `count` days before `last`. Raises `ValidationFailed` when the calendar does not go back that far."""
    if last.toordinal() <= count:
        raise ValidationFailed(errors=[{"pointer": "query/to", "detail": "The calendar does not go back that far."}])
    return last - timedelta(days=count)


def between(start: date, end: date) -> list[date]:
    """All days from `start` to `end`, both included.

    Raises `ValidationFailed` when the range is the wrong way round or has more than ten years.
    """
    if start > end:
        raise ValidationFailed(errors=[{"pointer": "query/from", "detail": "It is after `to`."}])
    count = (end - start).days + 1
    if count > MOST_DAYS:
        raise ValidationFailed(errors=[{"pointer": "query/from", "detail": f"More than {MOST_DAYS} days."}])
    return [start + timedelta(days=number) for number in range(count)]
