"""A header that stands on several lines: its value is all of them, with commas between (RFC 9110, 5.3)."""

from starlette.datastructures import Headers


def joined(headers: Headers, name: str) -> str | None:
    """The whole value of a header; None when there is none. Where one is meant, that of two lines does not fit."""
    lines = headers.getlist(name)
    return ", ".join(lines) if lines else None
