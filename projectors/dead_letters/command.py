"""`./stockroom dlq`: events that projections have parked. A fix is new code, a restart of the projectors, a retry. With
`--policy NAME` in place of `--projection` the same of what a policy has parked; `list` tells both.
"""

from typing import Annotated

import asyncpg
import typer
from redis.asyncio import Redis

from infra import dlq_terminal as dlq
from infra.principal import OPERATOR
from infra.settings import settings
from projectors.dead_letters.drop import Dropped, Effect, drop
from projectors.dead_letters.listing import DeadLetter, count_dead_letters, dead_letter, dead_letters, dropped_letters
from projectors.dead_letters.redrive import Redriven, retry
from projectors.dead_letters.redrive_of import redrive_of
from projectors.dead_letters.terminal import chosen_by, run_over_stores
from projectors.projection import Projection
from projectors.read_models.registry import named
from projectors.stores.sorting import Decoder

cli = typer.Typer(no_args_is_help=True, help=__doc__)

_Projection = Annotated[str | None, typer.Option("--projection", help="Only in this projection.")]
TOLD = {
    Effect.DROPPED: "dropped",
    Effect.ALREADY: "was dropped before",
    Effect.LATER: "dropped with the rebuild that the projection needs",
    Effect.APPLIED: "a retry applied it meanwhile, the next rebuild leaves it out",
}


@cli.command("list")
def list_letters(
    projection: _Projection = None, key: dlq.Key = None, dropped: dlq.Dropped = False, json: dlq.Json = False
) -> None:
    """Every parked record: projection, place, key, reason, how often it was tried, how old it is, the error."""

    async def act(pool: asyncpg.Pool, redis: Redis) -> bool:
        return await dlq.say_letters(
            [
                dropped_letters(pool, one, key) if dropped else dead_letters(pool, redis, one, key)
                for one in chosen_by(projection)
            ],
            json,
        )

    if not run_over_stores(act) and not json:
        dlq.end(f"projections: nothing {'dropped' if dropped else 'parked'}", 0)


@cli.command()
def show(place: dlq.Place, projection: _Projection = None, json: dlq.Json = False) -> None:
    """One parked record with its headers and value. Exit 1: nothing is parked there."""
    for letter in _at(place, projection):
        dlq.say_whole(letter.whole(), json)


@cli.command("retry")
def retry_letters(
    place: dlq.KeyOfPlace = None,
    projection: _Projection = None,
    key: dlq.Key = None,
    every: dlq.Every = False,
    yes: dlq.Yes = False,
) -> None:
    """Apply parked records, each key in its order until one fails again. Exit 1: some failed, or nothing is there."""
    wanted = dlq.keys_to_retry(
        place,
        key,
        every,
        yes,
        lambda place: {letter.projection: letter.parked.key for letter in _at(place, projection)},
        lambda: _counts(projection, key),
    )
    if sum(_retry(named(name), only) for name, only in wanted.items()):
        raise typer.Exit(1)


@cli.command("drop")
def drop_letter(
    place: dlq.Place,
    projection: Annotated[str, typer.Option("--projection", help="The projection that does without it.")],
    reason: dlq.Reason,
) -> None:
    """Give a parked record up for one projection, for good: an event says so, and every rebuild leaves it out. What
    waits behind it for its key is retried. Exit 1: nothing is parked there, or it cannot be done.
    """
    (one,) = chosen_by(projection)
    topic, at = dlq.place_of(place)
    if topic != one.topic:
        dlq.end(f"{one.name} reads {one.topic}, not {topic}", 2)

    async def act(pool: asyncpg.Pool, redis: Redis) -> Dropped:
        return await drop(settings(), pool, redis, one, at, reason)

    effect, void = run_over_stores(act)
    dlq.say(f"{place}: {TOLD[effect]} ({void.actor}, {void.at:%Y-%m-%d %H:%M}: {void.reason})")
    if effect is Effect.APPLIED:
        raise typer.Exit(1)


def _retry(projection: Projection, key: str | None) -> int:
    async def act(pool: asyncpg.Pool, redis: Redis) -> Redriven:
        return await retry(redrive_of(pool, redis, projection, Decoder(0), str(OPERATOR)), key)

    done = run_over_stores(act)
    dropped = f", {done.dropped:,} dropped" if done.dropped else ""
    left = f"{done.failed:,} failed again, {done.waiting:,} wait behind those"
    dlq.say(f"{projection.name}: {done.done:,} applied{dropped}, {left}")
    return done.failed


def _counts(projection: str | None, key: str | None) -> dict[str, int]:
    chosen = chosen_by(projection)

    async def act(pool: asyncpg.Pool, redis: Redis) -> dict[str, int]:
        return {one.name: await count_dead_letters(pool, redis, one, key) for one in chosen}

    return run_over_stores(act)


def _at(place: str, projection: str | None) -> list[DeadLetter]:
    chosen, (topic, at) = chosen_by(projection), dlq.place_of(place)

    async def act(pool: asyncpg.Pool, redis: Redis) -> list[DeadLetter | None]:
        return [await dead_letter(pool, redis, one, at) for one in chosen if one.topic == topic]

    return dlq.there(place, run_over_stores(act))
