"""`Prefer: wait=N` (RFC 7240): how long a request may wait for what it asks. Other preferences are ignored."""

import re

from infra.http.problems import BadRequest

MOST_WAIT_SECONDS = 30.0
_SECONDS = re.compile(r'("?)([0-9]{1,4}(?:\.[0-9]{1,3})?)\1')


class BadPrefer(BadRequest):
    """Prefer asks for a wait that cannot be given."""

    code, title = "bad_prefer", "Prefer cannot be read"


def wait_seconds(prefer: str | None) -> float | None:
    """The seconds in ``Prefer: wait=5``, 0 to 30; None without. Raises ``BadPrefer``."""
    if prefer is None:
        return None
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() != "wait":
            continue  # RFC 7240: preferences that are not understood are ignored
        match = _SECONDS.fullmatch(value.strip())
        if match is None or float(match[2]) > MOST_WAIT_SECONDS:
            raise BadPrefer(f"wait takes 0 to {MOST_WAIT_SECONDS:.0f} seconds, as wait=5.")
        return float(match[2])
    return None
