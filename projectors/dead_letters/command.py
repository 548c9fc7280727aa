"""`./stockroom dlq`: events that projections have parked. A fix is new code, a restart of the projectors, a retry. With
`--policy NAME` in place of `--projection` the same of what a policy has parked; `list` tells both.
"""

from collections.abc import Sequence
from typing import Annotated

import asyncpg
import orjson
import typer
from redis.asyncio import Redis

from infra.dlq_terminal import PLACE_HELP, end, place_of, say
from infra.parked_told import lines
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
_Key = Annotated[str | None, typer.Option("--key", help="Only of this key.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TOLD = {
    Effect.DROPPED: "dropped",
    Effect.ALREADY: "was dropped before",
    Effect.LATER: "dropped with the rebuild that the projection needs",
    Effect.APPLIED: "a retry applied it meanwhile, the next rebuild leaves it out",
}


@cli.command("list")
def list_letters(
    projection: _Projection = None,
    key: _Key = None,
    dropped: Annotated[bool, typer.Option("--dropped", help="Instead what was dropped, by whom and why.")] = False,
    json: _Json = False,
) -> None:
    """Every parked record: projection, place, key, reason, how often it was tried, how old it is, the error."""

    async def act(pool: asyncpg.Pool, redis: Redis) -> bool:
        found = False
        for one in chosen_by(projection):
            if dropped:
                async for drop_ in dropped_letters(pool, one, key):
                    found = True
                    say(orjson.dumps(drop_.described()).decode() if json else drop_.line())
                continue
            async for letter in dead_letters(pool, redis, one, key):
                found = True
                say(orjson.dumps(letter.described()).decode() if json else letter.line())
        return found

    if not run_over_stores(act) and not json:
        end(f"projections: nothing {'dropped' if dropped else 'parked'}", 0)


@cli.command()
def show(
    place: Annotated[str, typer.Argument(help=PLACE_HELP)], projection: _Projection = None, json: _Json = False
) -> None:
    """One parked record with its headers and value. Exit 1: nothing is parked there."""
    for letter in _at(place, chosen_by(projection)):
        if json:
            say(orjson.dumps(letter.whole()).decode())
        else:
            say("\n".join(lines(letter.whole())))


@cli.command("retry")
def retry_letters(
    place: Annotated[str | None, typer.Argument(help=f"Retry the key of this record. {PLACE_HELP}")] = None,
    projection: _Projection = None,
    key: _Key = None,
    every: Annotated[bool, typer.Option("--all", help="Retry every key.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --all.")] = False,
) -> None:
    """Apply parked records, each key in its order until one fails again. Exit 1: some failed, or nothing is there."""
    if [place is not None, key is not None, every].count(True) != 1:
        end("give a place, or --key, or --all", 2)
    chosen = chosen_by(projection)
    if place is not None:
        wanted: dict[str, str | None] = {letter.projection: letter.parked.key for letter in _at(place, chosen)}
    else:
        counts = _counts(chosen, key)
        wanted = dict.fromkeys(counts, key)
    if not wanted:
        end("nothing is parked", 1)
    if every and not yes:
        typer.confirm(f"Retry {sum(counts.values()):,} records of {', '.join(wanted)}?", abort=True)
    if sum(_retry(named(name), only) for name, only in wanted.items()):
        raise typer.Exit(1)


@cli.command("drop")
def drop_letter(
    place: Annotated[str, typer.Argument(help=PLACE_HELP)],
    projection: Annotated[str, typer.Option("--projection", help="The projection that does without it.")],
    reason_: Annotated[str, typer.Option("--reason", help="Why, for those who come later.")],
) -> None:
    """Give a parked record up for one projection, for good: an event says so, and every rebuild leaves it out. What
    waits behind it for its key is retried. Exit 1: nothing is parked there, or it cannot be done.
    """
    (one,) = chosen_by(projection)
    topic, at = place_of(place)
    if topic != one.topic:
        end(f"{one.name} reads {one.topic}, not {topic}", 2)

    async def act(pool: asyncpg.Pool, redis: Redis) -> Dropped:
        return await drop(settings(), pool, redis, one, at, reason_)

    effect, void = run_over_stores(act)
    say(f"{place}: {TOLD[effect]} ({void.actor}, {void.at:%Y-%m-%d %H:%M}: {void.reason})")
    if effect is Effect.APPLIED:
        raise typer.Exit(1)


def _retry(projection: Projection, key: str | None) -> int:
    async def act(pool: asyncpg.Pool, redis: Redis) -> Redriven:
        return await retry(redrive_of(pool, redis, projection, Decoder(0), str(OPERATOR)), key)

    done = run_over_stores(act)
    dropped = f", {done.dropped:,} dropped" if done.dropped else ""
    left = f"{done.failed:,} failed again, {done.waiting:,} wait behind those"
    say(f"{projection.name}: {done.done:,} applied{dropped}, {left}")
    return done.failed


def _counts(projections: Sequence[Projection], key: str | None) -> dict[str, int]:
    async def act(pool: asyncpg.Pool, redis: Redis) -> dict[str, int]:
        found = {one.name: await count_dead_letters(pool, redis, one, key) for one in projections}
        return {name: count for name, count in found.items() if count}

    return run_over_stores(act)


def _at(place: str, projections: Sequence[Projection]) -> list[DeadLetter]:
    topic, at = place_of(place)

    async def act(pool: asyncpg.Pool, redis: Redis) -> list[DeadLetter]:
        found = [await dead_letter(pool, redis, one, at) for one in projections if one.topic == topic]
        return [letter for letter in found if letter is not None]

    return run_over_stores(act) or end(f"nothing is parked at {place}", 1)
