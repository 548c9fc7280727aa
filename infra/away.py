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
NAMED: dict[type[Exception], str] = {
    **dict.fromkeys(POSTGRES_AWAY, "PostgreSQL"),
    KafkaConnectionError: "Kafka",
    ConnectionError: "A server that is needed",
    TimeoutError: "A server that is needed",
}
"""What means so wherever in a request it is raised, and the server's name. Subclasses count."""
