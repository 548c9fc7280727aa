"""The types that the beginning of one stands for, as `order.` or `stock.reserved`. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

from event_schemas.event import REGISTRY

CLOSE = 0.8
"""From this likeness on, of 0 to 1, a type is offered instead (`difflib.SequenceMatcher.ratio`)."""


class UnknownTypePrefix(ValueError):
    """No type begins so. The message names those that come close, or all."""


def types_beginning(prefix: str, others: Iterable[str] = ()) -> list[str]:
    """Every type of an event, of any version, that begins with ``prefix``, and of ``others`` those that do.

    Raises ``UnknownTypePrefix`` when none does.
    """
    events = (f"{name}.v{version}" for name, cls in REGISTRY.items() for version in range(1, cls.version + 1))
    known = sorted([*events, *others])
    if found := [one for one in known if one.startswith(prefix)]:
        return found
    likest = get_close_matches(prefix.lower(), {one[: len(prefix)] for one in known}, cutoff=CLOSE)
    near = [one for beginning in likest for one in known if one.startswith(beginning)]
    told = f"close to it: {', '.join(near)}" if near else f"there are {', '.join(known)}"
    raise UnknownTypePrefix(f"No type of event begins with {prefix!r}; {told}.")
