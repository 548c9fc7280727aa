"""`./stockroom dlq` with `--policy`: events that policies have parked. A fix is new code, a restart of the policies, a
retry: what follows from the events is carried out.
"""

from collections.abc import Sequence
from typing import Annotated

import orjson
import typer

from infra.dlq_terminal import PLACE_HELP, end, place_of, say
from infra.parked_told import lines
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
_Key = Annotated[str | None, typer.Option("--key", help="Only of this key.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@cli.command("list")
def list_letters(
    policy: _Policy = None,
    key: _Key = None,
    dropped: Annotated[bool, typer.Option("--dropped", help="Instead what was dropped, by whom and why.")] = False,
    json: _Json = False,
) -> None:
    """Every parked record: policy, place, key, reason, how often it was tried, how old it is, the error."""

    async def act(redrive: Redrive) -> bool:
        found = False
        for one in chosen_by(policy):
            if dropped:
                async for gone in dropped_letters(redrive.pool, one.name, as_key(key)):
                    found = True
                    say(orjson.dumps(gone.described()).decode() if json else gone.line())
                continue
            async for letter in dead_letters(redrive.pool, one.name, as_key(key)):
                found = True
                say(orjson.dumps(letter.described()).decode() if json else letter.line())
        return found

    if not run(act) and not json:
        end(f"policies: nothing {'dropped' if dropped else 'parked'}", 0)


@cli.command()
def show(place: Annotated[str, typer.Argument(help=PLACE_HELP)], policy: _Policy = None, json: _Json = False) -> None:
    """One parked record with its headers and value. Exit 1: nothing is parked there."""
    for letter in _at(place, chosen_by(policy)):
        say(orjson.dumps(letter.whole()).decode() if json else "\n".join(lines(letter.whole())))


@cli.command("retry")
def retry_letters(
    place: Annotated[str | None, typer.Argument(help=f"Retry the key of this record. {PLACE_HELP}")] = None,
    policy: _Policy = None,
    key: _Key = None,
    every: Annotated[bool, typer.Option("--all", help="Retry every key.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --all.")] = False,
) -> None:
    """Carry out what follows from parked records, each key in its order until one fails again. Exit 1: some failed, or
    nothing is there.
    """
    if [place is not None, key is not None, every].count(True) != 1:
        end("give a place, or --key, or --all", 2)
    chosen = chosen_by(policy)
    if place is not None:
        wanted = {letter.policy: letter.parked.record.key for letter in _at(place, chosen)}
    else:
        counts = _counts(chosen, as_key(key))
        wanted = dict.fromkeys(counts, as_key(key))
    if not wanted:
        end("nothing is parked", 1)
    if every and not yes:
        typer.confirm(f"Retry {sum(counts.values()):,} records of {', '.join(wanted)}?", abort=True)
    if sum(_retry(one, wanted[one.name]) for one in chosen if one.name in wanted):
        raise typer.Exit(1)


@cli.command("drop")
def drop_letter(
    place: Annotated[str, typer.Argument(help=PLACE_HELP)],
    policy: Annotated[str, typer.Option("--policy", help="The policy that does without it.")],
    reason_: Annotated[str, typer.Option("--reason", help="Why, for those who come later.")],
) -> None:
    """Give a parked record up for good: nothing follows from it. What waits behind it for its key is retried. Exit 1:
    nothing is parked there, or one behind it failed.
    """
    (one,) = chosen_by(policy)
    topic, (partition, offset) = place_of(place)

    async def act(redrive: Redrive) -> Dropped:
        return await drop(redrive, one, topic, partition, offset, reason_)

    dropped = run(act)
    told = "was dropped before" if dropped.already else "dropped"
    say(f"{place}: {told} ({dropped.actor}, {dropped.at:%Y-%m-%d %H:%M}: {dropped.reason})")
    say(f"{one.name}: {dropped.behind.line()}")
    if dropped.behind.failed:
        raise typer.Exit(1)


def _retry(policy: Policy, key: bytes | None) -> int:
    async def act(redrive: Redrive) -> Redriven:
        return await redrive.retry(policy, key)

    done = run(act)
    say(f"{policy.name}: {done.line()}")
    return done.failed


def _counts(policies: Sequence[Policy], key: bytes | None) -> dict[str, int]:
    async def act(redrive: Redrive) -> dict[str, int]:
        found = {one.name: await count_dead_letters(redrive.pool, one.name, key) for one in policies}
        return {name: count for name, count in found.items() if count}

    return run(act)


def _at(place: str, policies: Sequence[Policy]) -> list[DeadLetter]:
    topic, at = place_of(place)

    async def act(redrive: Redrive) -> list[DeadLetter]:
        found = [await dead_letter(redrive.pool, one.name, (topic, *at)) for one in policies]
        return [letter for letter in found if letter is not None]

    return run(act) or end(f"nothing is parked at {place}", 1)
