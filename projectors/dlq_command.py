"""`./stockroom dlq`: events that projections have parked. A fix is new code, a restart of the projectors, a retry."""

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NoReturn

import orjson
import typer

from infra.http.principal import OPERATOR
from infra.process import run_process
from infra.settings import Settings
from projectors.back_off import AWAY
from projectors.dead_letter_list import DeadLetter, dead_letters
from projectors.engine import connect_postgres, connect_redis, redrive_of
from projectors.projection import Projection
from projectors.redrive import CannotRetry, retry
from projectors.registry import PROJECTIONS, named
from projectors.sorting import Decoder
from projectors.store import RebuildNeeded, StoreDamaged

cli = typer.Typer(no_args_is_help=True, help=__doc__)

_Projection = Annotated[str | None, typer.Option("--projection", help="Only in this projection.")]
_Key = Annotated[str | None, typer.Option("--key", help="Only of this key.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
_PLACE_HELP = "TOPIC/PARTITION@OFFSET, as `list` shows it."


@cli.command("list")
def list_letters(projection: _Projection = None, key: _Key = None, json: _Json = False) -> None:
    """Every parked record: projection, place, key, reason, how often it was tried, how old it is, the error."""
    for letter in _letters(_chosen(projection), key):
        _say(orjson.dumps(letter.described()).decode() if json else letter.line(time.time()))


@cli.command()
def show(
    place: Annotated[str, typer.Argument(help=_PLACE_HELP)], projection: _Projection = None, json: _Json = False
) -> None:
    """One parked record with its headers and value. Exit 1: nothing is parked there."""
    for letter in _at(place, _letters(_chosen(projection))):
        if json:
            _say(orjson.dumps(letter.whole()).decode())
        else:
            _say("\n".join(f"{name}: {value}" for name, value in letter.whole().items()))


@cli.command("retry")
def retry_letters(
    place: Annotated[str | None, typer.Argument(help=f"Retry the key of this record. {_PLACE_HELP}")] = None,
    projection: _Projection = None,
    key: _Key = None,
    every: Annotated[bool, typer.Option("--all", help="Retry every key.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --all.")] = False,
) -> None:
    """Apply parked records, each key in its order until one fails again. Exit 1: some failed, or nothing is there."""
    if [place is not None, key is not None, every].count(True) != 1:
        _end("give a place, or --key, or --all", 2)
    letters = _letters(_chosen(projection), key)
    if place is not None:
        letters = _at(place, letters)
    if not letters:
        _end("nothing is parked", 1)
    keys = {letter.projection: None if every else letter.parked.key for letter in letters}
    if every and not yes:
        typer.confirm(f"Retry {len(letters):,} records of {', '.join(keys)}?", abort=True)
    if any([_retry(named(name), only) for name, only in keys.items()]):  # noqa: C419 (all of them are tried)
        raise typer.Exit(1)


def _retry(projection: Projection, key: str | None) -> int:
    async def act(settings: Settings) -> Any:
        async with connect_postgres(settings) as pool, connect_redis(settings) as redis:
            return await retry(redrive_of(pool, redis, projection, Decoder(0), str(OPERATOR)), key)

    done = _run(act)
    _say(f"{projection.name}: {done.done:,} applied, {done.failed:,} failed again, {done.waiting:,} wait behind those")
    return int(done.failed)


def _letters(projections: Sequence[Projection], key: str | None = None) -> list[DeadLetter]:
    async def act(settings: Settings) -> list[DeadLetter]:
        async with connect_postgres(settings) as pool, connect_redis(settings) as redis:
            return await dead_letters(pool, redis, projections)

    return [letter for letter in _run(act) if key in (None, letter.parked.key)]


def _at(place: str, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
    found = [letter for letter in letters if letter.parked.place == place]
    if not found:
        _end(f"nothing is parked at {place}", 1)
    return found


def _chosen(name: str | None) -> list[Projection]:
    try:
        return list(PROJECTIONS) if name is None else [named(name)]
    except KeyError as error:
        _end(str(error.args[0]), 2)


def _run(act: Callable[[Settings], Awaitable[Any]]) -> Any:
    results: list[Any] = []

    async def main(settings: Settings) -> None:
        results.append(await act(settings))

    try:
        run_process(main)
    except (CannotRetry, RebuildNeeded, StoreDamaged) as error:
        _end(f"{type(error).__name__}: {error}", 1)
    except AWAY as error:
        _end(f"a server is away ({type(error).__name__}: {error}): ./stockroom status", 1)
    return results[0]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _end(text: str, code: int) -> NoReturn:
    sys.stderr.write(f"{text}\n")
    raise typer.Exit(code)
