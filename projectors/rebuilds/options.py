"""What an operator may say of a rebuild."""

from typing import NamedTuple

from infra.principal import OPERATOR


class RebuildOptions(NamedTuple):
    """Options of one rebuild, the same for each of its projections."""

    actor: str = str(OPERATOR)
    """Who stands in the audit trail."""
    accept: bool = False
    """Switch although the rows differ from those that serve, at the same version and the same events."""
    anew: bool = False
    """Drop what an earlier rebuild has filled and left, instead of going on with it."""
    rate: float | None = None
    """Records a second of the log that are read at most; None is no bound."""


DEFAULTS = RebuildOptions()
