"""Days and ranges of days in query parameters. All days are UTC."""

from datetime import UTC, date, datetime, timedelta

from infra.http.problems import ValidationFailed

MOST_DAYS = 3_660


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
