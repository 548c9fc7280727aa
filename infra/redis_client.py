"""Clients of Redis, as every process has them."""

from redis.asyncio import Redis
from redis.maint_notifications import MaintNotificationsConfig


def redis_client(
    url: str, *, connect_seconds: float, answer_seconds: float | None, decode_responses: bool = False
) -> Redis:
    """A client that connects when first used; to be closed with `aclose`. ``answer_seconds`` None: it waits for ever.

    It asks for no notices of maintenance, which only Redis Enterprise sends: while it does, it does not look whether a
    connection of its pool was closed meanwhile, and the first command after a restart of Redis fails.
    """
    return Redis.from_url(
        url,
        socket_connect_timeout=connect_seconds,
        socket_timeout=answer_seconds,
        socket_keepalive=True,
        decode_responses=decode_responses,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )
