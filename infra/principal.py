"""Who acts: as it stands in every event and in the audit of what operators do."""

from typing import NamedTuple


class Principal(NamedTuple):
    """Who asks: `kind` is `user`, `staff` or `system`; `id` is opaque."""

    kind: str
    id: str

    def __str__(self) -> str:
        """As it stands in an event's `ce_actor`: `staff:operator`."""
        return f"{self.kind}:{self.id}"


OPERATOR = Principal("staff", "operator")
"""The open operator: everything listens on loopback, and whoever reaches it may do everything."""
