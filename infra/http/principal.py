"""Who asks. Every route takes its principal as a dependency; until identity comes, everybody is the open operator."""

from typing import Annotated

from fastapi import Depends

from infra.http.problems import Forbidden
from infra.principal import OPERATOR, Principal


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
