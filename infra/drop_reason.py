"""The reason of a drop: why a parked record is given up, whoever parked it and whichever way it is dropped."""

from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError

Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""One line of 1 to 200 characters, without control characters."""
_REASON: TypeAdapter[str] = TypeAdapter(Reason)


class NoReason(ValueError):
    """What was given as the reason tells nobody anything; the message says how one looks."""


def drop_reason(text: str) -> str:
    """The reason that a text gives, without blanks around it. Raises ``NoReason``."""
    try:
        return _REASON.validate_python(text)
    except ValidationError as error:
        raise NoReason("a reason is one line of 1 to 200 characters") from error
