"""On which version of an aggregate a command is to be carried out: If-Match and If-None-Match (RFC 9110, 13.1)."""

import re

from infra.http.problems import BadRequest

ANY = "*"
"""In If-Match: there must be an aggregate; in If-None-Match: there must be none."""


class BadIfMatch(BadRequest):
    """If-Match does not hold one version."""

    code, title = "bad_if_match", "If-Match cannot be read"


class BadIfNoneMatch(BadRequest):
    """If-None-Match is not ``*``, or stands beside If-Match, with which it never holds."""

    code, title = "bad_if_none_match", "If-None-Match cannot be taken"


def expected_version(if_match: str | None, if_none_match: str | None = None) -> int | None:
    """The version in ``If-Match: "3"``, 0 for ``If-None-Match: *``; None where neither names one. Raises ``BadIfMatch``
    or ``BadIfNoneMatch``. Both as in RFC 9110, 13.1."""
    if if_none_match is not None:
        if if_none_match != ANY or if_match is not None:
            raise BadIfNoneMatch("Only * is taken, and no If-Match beside it.")
        return 0
    if if_match is None or if_match == ANY:
        return None
    if not re.fullmatch(r'"[0-9]{1,100}"', if_match):
        raise BadIfMatch(f'{if_match!r} is not a version in quotes, as "3".')
    return int(if_match[1:-1])
