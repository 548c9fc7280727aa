"""Who asks. Every route takes its principal as a dependency; until identity comes, everybody is the open operator."""

from typing import Annotated, NamedTuple

from fastapi import Depends

from infra.http.problems import Forbidden


class Principal(NamedTuple):
    """Who asks: `kind` is `user`, `staff` or `system`; `id` is opaque."""

    kind: str
    id: str

    def __str__(self) -> str:
        """As it stands in an event's `ce_actor`: `staff:operator`."""
        return f"{self.kind}:{self.id}"


OPERATOR = Principal("staff", "operator")
"""The open operator: everything listens on loopback, and whoever reaches it may do everything."""


async def current_principal() -> Principal:
    """The principal of this request."""
    return OPERATOR


async def require_operator(principal: Annotated[Principal, Depends(current_principal)]) -> Principal:
    """The principal of this request, if it is staff. Raises `Forbidden` otherwise."""
    if principal.kind != "staff":
        raise Forbidden("Only operators may do this.")
    return principal


CurrentPrincipal = Annotated[Principal, Depends(current_principal)]
"""Type of a route's parameter that is its principal."""
Operator = Annotated[Principal, Depends(require_operator)]
"""Type of a route's parameter that is its principal, on a route for operators only."""
