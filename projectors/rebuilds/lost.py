"""Which failures a rebuild waits out."""

import asyncpg
from aiokafka.errors import KafkaError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from projectors.stores.store import PositionMoved, SwitchUnderWay

LOST = (
    ConnectionError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    RedisConnectionError,
    RedisTimeoutError,
    KafkaError,
    PositionMoved,
    SwitchUnderWay,
)
"""What a turn of a rebuild ends with when a server went away, or somebody was ahead of a commit: the next one goes on.
Whatever else a server says would be said again."""
