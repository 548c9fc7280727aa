"""The forms of settings that name servers of one's own: a slip is told at once, not by a client that never connects.

Nothing is asked of the servers; an empty value means none. Messages show no value: it may hold a password.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

_PLACE = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/@,\[\]]+):(\d{1,5})")
_POSTGRES = re.compile(r"postgres(?:ql)?://\S+")
_REDIS = re.compile(r"(?:rediss?|unix)://\S+")
HIGHEST_PORT = 65_535


def upper(value: Any) -> Any:
    """A text in capitals, without spaces around it; anything else as it is."""
    return value.strip().upper() if isinstance(value, str) else value


def kafka_servers(value: str) -> str:
    """`host:port[,host:port]` without spaces. Raises `PydanticCustomError` when it is not of that form."""
    places = [place.strip() for place in value.split(",")] if value.strip() else []
    for place in places:
        match = _PLACE.fullmatch(place)
        if match is None or not 1 <= int(match[1]) <= HIGHEST_PORT:
            raise PydanticCustomError("kafka_servers", "It must be host:port, or several of these with commas between")
    return ",".join(places)


def postgres_dsn(value: str) -> str:
    """A PostgreSQL URL. Raises `PydanticCustomError` when it is none."""
    if value and not _POSTGRES.fullmatch(value):
        raise PydanticCustomError("postgres_dsn", "It must begin with postgresql:// or postgres:// and name a server")
    return value


def redis_url(value: str) -> str:
    """A Redis URL. Raises `PydanticCustomError` when it is none."""
    if value and not _REDIS.fullmatch(value):
        raise PydanticCustomError("redis_url", "It must begin with redis://, rediss:// or unix:// and name a server")
    return value


KafkaServers = Annotated[str, AfterValidator(kafka_servers)]
PostgresDsn = Annotated[str, AfterValidator(postgres_dsn)]
RedisUrl = Annotated[str, AfterValidator(redis_url)]
