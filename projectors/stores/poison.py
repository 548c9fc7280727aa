"""Which failures lie in the data of an event, so that the event is parked, as opposed to a server that is away."""

import asyncpg

DATA_ERRORS = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.CardinalityViolationError,
    asyncpg.PLPGSQLError,
    asyncpg.ProgramLimitExceededError,
)
"""PostgreSQL refuses the values themselves: out of range, not storable, a constraint broken, an index row too long."""


class Poison(Exception):
    """Events could not be applied for a reason that lies in them. ``cause`` is what was raised."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.cause = cause
