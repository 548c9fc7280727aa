"""Which exceptions of the client libraries mean that a server is away, as opposed to having refused what was asked.

Those of Redis are not among them: its client takes a while to import, and only the query API asks it, through
`query_api/sorted_sets.py`.
"""

import asyncpg
from aiokafka.errors import KafkaConnectionError

AWAY: dict[type[Exception], str] = {
    asyncpg.PostgresConnectionError: "PostgreSQL",
    asyncpg.CannotConnectNowError: "PostgreSQL",
    asyncpg.AdminShutdownError: "PostgreSQL",
    asyncpg.CrashShutdownError: "PostgreSQL",
    asyncpg.TooManyConnectionsError: "PostgreSQL",
    KafkaConnectionError: "Kafka",
    ConnectionError: "A server that is needed",
    TimeoutError: "A server that is needed",
}
"""Exception to the server's name. Subclasses count."""
