"""The forms of settings that name servers and instances: a slip is told at once, not by a client that never connects.

Nothing is asked of the servers; an empty value means none. Messages show no value: it may hold a password.
"""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo
from pydantic_core import PydanticCustomError

_PLACE = re.compile(r"(?:\[[0-9A-Fa-f:.%]+\]|[^\s:/@,\[\]]+):(\d{1,5})")
_POSTGRES = re.compile(r"postgres(?:ql)?://\S+")
_BASE_URL = re.compile(r"https?://[^\s,/?#@]+(?:/[^\s,?#@]*)?")
_REDIS = re.compile(r"(?:rediss?|unix)://\S+")
HIGHEST_PORT = 65_535
INSTANCE_PORT_STEP = 100
"""From the port of one instance of a process to that of the next."""
INSTANCES = {"command_apis": "command_api_port", "projectors": "projectors_port"}
"""The settings that say how many of a process there are, each with the one that has the first's port."""


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


def base_url(value: str) -> str:
    """An HTTP base URL, without slashes at the end. Raises `PydanticCustomError` when it is none."""
    if value and not _BASE_URL.fullmatch(value):
        raise PydanticCustomError("base_url", "It must begin with http:// or https:// and name a server")
    return value.rstrip("/")


def base_urls(value: str) -> str:
    """`URL[,URL]`, each as `base_url`. Raises `PydanticCustomError` when one is none."""
    return ",".join(base_url(each.strip() or "-") for each in value.split(",")) if value.strip() else ""


def instance_count(value: int, info: ValidationInfo) -> int:
    """How many of a process there are. Raises `PydanticCustomError` when the last one's port would be none."""
    last = info.data.get(INSTANCES[info.field_name or ""], 0) + INSTANCE_PORT_STEP * (value - 1)
    if last > HIGHEST_PORT:
        raise PydanticCustomError("instance_count", "The last one's port would be {last}", {"last": last})
    return value


def instance_url(value: str, info: ValidationInfo) -> str:
    """The base URL of one command API. Raises `PydanticCustomError` when there are to be several."""
    if value and info.data.get("command_apis", 1) > 1:
        raise PydanticCustomError(
            "instance_url", "It is that of one instance: leave it empty where `up` starts several"
        )
    return base_url(value)


KafkaServers = Annotated[str, AfterValidator(kafka_servers)]
BaseUrl = Annotated[str, AfterValidator(base_url)]
BaseUrls = Annotated[str, AfterValidator(base_urls)]
InstanceCount = Annotated[int, AfterValidator(instance_count)]
InstanceUrl = Annotated[str, AfterValidator(instance_url)]
PostgresDsn = Annotated[str, AfterValidator(postgres_dsn)]
RedisUrl = Annotated[str, AfterValidator(redis_url)]
