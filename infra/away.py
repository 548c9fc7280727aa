"""Which exceptions of the client libraries mean that a server is away, as opposed to having refused what was asked.

Those of Redis are not among them: its client takes a while to import, and not every process asks it.
"""

import asyncpg
from aiokafka.errors import KafkaConnectionError, KafkaError

POSTGRES_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
"""PostgreSQL is away, starts, stops, or has no room left: connections, memory, disk. A broken connection may be an
`OSError` too, as every time-out is."""
AWAY = (OSError, KafkaError, *POSTGRES_AWAY)
"""Any server that is needed is away; for who has nothing to ask of Kafka that it could refuse."""
_TOLD_BY_POSTGRES = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.InsufficientResourcesError,
)
NAMED: dict[type[Exception], str] = {
    **dict.fromkeys(_TOLD_BY_POSTGRES, "PostgreSQL"),
    KafkaConnectionError: "Kafka",
    ConnectionError: "A server that is needed",
    TimeoutError: "A server that is needed",
}
"""What means so wherever in a request it is raised, and the server's name. Subclasses count. An `InterfaceError` is not
among them, as it may be a mistake of the caller: see `cut_off`."""


def cut_off(error: Exception) -> bool:
    """Whether a connection to PostgreSQL had ended before it was used, as when a transaction is left that lost it.

    Every other `InterfaceError` is a mistake of the caller, such as an argument that is missing.
    """
    # A pool takes a connection back as soon as it ends.
    told = ("connection is closed", "connection has been released back to the pool")
    return isinstance(error, asyncpg.InterfaceError) and str(error).endswith(told)
