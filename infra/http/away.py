"""Which exceptions of the client libraries mean that a server is away, as opposed to having refused what was asked."""

import asyncpg
from aiokafka.errors import KafkaConnectionError
from redis import exceptions as redis

AWAY: dict[type[Exception], str] = {
    asyncpg.PostgresConnectionError: "PostgreSQL",
    asyncpg.CannotConnectNowError: "PostgreSQL",
    asyncpg.AdminShutdownError: "PostgreSQL",
    asyncpg.CrashShutdownError: "PostgreSQL",
    asyncpg.TooManyConnectionsError: "PostgreSQL",
    redis.ConnectionError: "Redis",
    redis.TimeoutError: "Redis",
    redis.BusyLoadingError: "Redis",
    KafkaConnectionError: "Kafka",
    ConnectionError: "A server that is needed",
    TimeoutError: "A server that is needed",
}
"""Exception to the server's name. Subclasses count."""
