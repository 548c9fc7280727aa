"""Gives a parked record up: an event says so, so that every rebuild knows it, and it takes effect at once."""

from enum import StrEnum
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

import asyncpg
import httpx
from redis.asyncio import Redis

from infra.drop_reason import drop_reason
from infra.log_batch import LogBroken
from infra.reason import reason as told
from infra.settings import Settings
from projectors.dead_letters.listing import DeadLetter, dead_letter
from projectors.dead_letters.void_effect import take_effect
from projectors.dead_letters.voids_known import VoidsUnknown, voids_known
from projectors.projection import Projection
from projectors.read_models.voided import PROJECTION as VOIDED
from projectors.stores.store import Place
from projectors.stores.voids import Void, voids_of

SECONDS = 10.0
PATIENCE_SECONDS = 30.0
"""So long a drop waits until its own event is known."""
MOST_KEY = 1_000
_DROPPED = """
SELECT EXISTS (SELECT FROM stockroom.audit WHERE action = 'drop' AND projection = $1 AND topic = $2 AND partition = $3
               AND (outcome ->> 'offset')::bigint = $4)
"""


class NothingParked(Exception):
    """Nothing is parked at the place, and nothing was given up there: there is nothing to drop."""


class NotVoided(Exception):
    """The command API does not answer, or said no; the message says which."""


class Effect(StrEnum):
    """What became of a record that was to be dropped."""

    DROPPED = "dropped"
    ALREADY = "already_dropped"
    """Before, whatever was said now."""
    LATER = "rebuild_needed"
    """It is given up, and goes with the rebuild that the projection needs."""
    APPLIED = "applied_meanwhile"
    """A retry applied it before the drop was known: it stays in until the next rebuild, which leaves it out."""


class Dropped(NamedTuple):
    """What became of it, with the reason that counts, who gave it, and when."""

    effect: Effect
    void: Void


async def drop(
    settings: Settings, pool: asyncpg.Pool, redis: Redis, projection: Projection, place: Place, reason: str
) -> Dropped:
    """Give up the record that is parked at a place. A repeat changes nothing. Raises ``NoReason``, ``NothingParked``,
    ``NotVoided``, ``RebuildNeeded`` when other code made the tables of what was given up, or ``VoidsUnknown`` when the
    event is there but Kafka or PostgreSQL is not, or it could not be applied: projectors let it take effect later.
    """
    reason = drop_reason(reason)
    letter = await dead_letter(pool, redis, projection, place)
    if letter is None:
        async with pool.acquire() as connection:
            void = (await voids_of(connection, projection)).get(place)
        if void is None:
            raise NothingParked(f"nothing is parked at {projection.topic}/{place[0]}@{place[1]} in {projection.name}")
        return Dropped(Effect.ALREADY, void)
    await _void(settings.command_api_url, letter, reason)
    try:
        await voids_known(settings.bootstrap_servers, pool, PATIENCE_SECONDS)
    except (VoidsUnknown, LogBroken) as error:
        raise VoidsUnknown(f"{error}. The drop is recorded, and projectors let it take effect") from error
    await take_effect(pool, redis, [projection])
    left = await dead_letter(pool, redis, projection, place)
    async with pool.acquire() as connection:
        void = (await voids_of(connection, projection)).get(place)
        gone = await connection.fetchval(_DROPPED, projection.name, projection.topic, *place)
    if void is None:
        look = f"./stockroom dlq list --projection {VOIDED.name}"
        raise VoidsUnknown(f"the drop is recorded, but its event was not applied: {look}")
    if left is not None:
        return Dropped(Effect.LATER, void)
    return Dropped(Effect.DROPPED if gone else Effect.APPLIED, void)


async def _void(url: str, letter: DeadLetter, reason: str) -> None:
    record = letter.parked.record
    body = {
        "projection": letter.projection,
        "record_topic": record.topic,
        "record_partition": record.partition,
        "record_offset": record.offset,
        "key": letter.parked.key[:MOST_KEY],
        "reason": reason,
    }
    key = uuid5(NAMESPACE_URL, f"{letter.projection}/{letter.parked.place}/{reason}")
    try:
        async with httpx.AsyncClient(base_url=url, timeout=SECONDS, trust_env=False) as client:
            answer = await client.post("/v1/voided-records", json=body, headers={"Idempotency-Key": str(key)})
    except httpx.HTTPError as error:
        raise NotVoided(f"the command API at {url} does not answer ({told(error)})") from error
    if answer.is_error:
        raise NotVoided(_refusal(answer))


def _refusal(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:  # of a proxy in between
        problem = None
    if not isinstance(problem, dict):
        return f"the command API answers {answer.status_code} {answer.reason_phrase}"
    return f"{problem.get('title', answer.status_code)}: {problem.get('detail', '')}"
