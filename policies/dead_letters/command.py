"""`./stockroom dlq` with `--policy`: events that policies have parked. A fix is new code, a restart of the policies, a
retry: what follows from the events is carried out.
"""

from typing import Annotated

import typer

from infra import dlq_terminal as dlq
from policies.dead_letters.drop import Dropped, drop
from policies.dead_letters.listing import (
    DeadLetter,
    as_key,
    count_dead_letters,
    dead_letter,
    dead_letters,
    dropped_letters,
)
from policies.dead_letters.redrive import Redrive, Redriven
from policies.dead_letters.terminal import chosen_by, run
from policies.policy import Policy

cli = typer.Typer(no_args_is_help=True, help=__doc__)

_Policy = Annotated[str | None, typer.Option("--policy", help="Only of this policy.")]


@cli.command("list")
def list_letters(
    policy: _Policy = None, key: dlq.Key = None, dropped: dlq.Dropped = False, json: dlq.Json = False
) -> None:
    """Every parked record: policy, place, key, reason, how often it was tried, how old it is, the error."""
    letters = dropped_letters if dropped else dead_letters

    async def act(redrive: Redrive) -> bool:
        return await dlq.say_letters([letters(redrive.pool, one.name, as_key(key)) for one in chosen_by(policy)], json)

    if not run(act) and not json:
        dlq.end(f"policies: nothing {'dropped' if dropped else 'parked'}", 0)


@cli.command()
def show(place: dlq.Place, policy: _Policy = None, json: dlq.Json = False) -> None:
    """One parked record with its headers and value. Exit 1: nothing is parked there."""
    for letter in _at(place, policy):
        dlq.say_whole(letter.whole(), json)


@cli.command("retry")
def retry_letters(
    place: dlq.KeyOfPlace = None,
    policy: _Policy = None,
    key: dlq.Key = None,
    every: dlq.Every = False,
    yes: dlq.Yes = False,
) -> None:
    """Carry out what follows from parked records, each key in its order until one fails again. Exit 1: some failed, or
    nothing is there.
    """
    wanted = dlq.keys_to_retry(
        place,
        as_key(key),
        every,
        yes,
        lambda place: {letter.policy: letter.parked.record.key for letter in _at(place, policy)},
        lambda: _counts(policy, as_key(key)),
    )
    if sum(_retry(one, wanted[one.name]) for one in chosen_by(policy) if one.name in wanted):
        raise typer.Exit(1)


@cli.command("drop")
def drop_letter(
    place: dlq.Place,
    policy: Annotated[str, typer.Option("--policy", help="The policy that does without it.")],
    reason: dlq.Reason,
) -> None:
    """Give a parked record up for good: nothing follows from it. What waits behind it for its key is retried. Exit 1:
    nothing is parked there, or one behind it failed.
    """
    (one,) = chosen_by(policy)
    topic, (partition, offset) = dlq.place_of(place)

    async def act(redrive: Redrive) -> Dropped:
        return await drop(redrive, one, topic, partition, offset, reason)

    dropped = run(act)
    told = "was dropped before" if dropped.already else "dropped"
    dlq.say(f"{place}: {told} ({dropped.actor}, {dropped.at:%Y-%m-%d %H:%M}: {dropped.reason})")
    dlq.say(f"{one.name}: {dropped.behind.line()}")
    if dropped.behind.failed:
        raise typer.Exit(1)


def _retry(policy: Policy, key: bytes | None) -> int:
    async def act(redrive: Redrive) -> Redriven:
        return await redrive.retry(policy, key)

    done = run(act)
    dlq.say(f"{policy.name}: {done.line()}")
    return done.failed


def _counts(policy: str | None, key: bytes | None) -> dict[str, int]:
    chosen = chosen_by(policy)

    async def act(redrive: Redrive) -> dict[str, int]:
        return {one.name: await count_dead_letters(redrive.pool, one.name, key) for one in chosen}

    return run(act)


def _at(place: str, policy: str | None) -> list[DeadLetter]:
    chosen, (topic, at) = chosen_by(policy), dlq.place_of(place)

    async def act(redrive: Redrive) -> list[DeadLetter | None]:
        return [await dead_letter(redrive.pool, one.name, (topic, *at)) for one in chosen]

    return dlq.there(place, run(act))
