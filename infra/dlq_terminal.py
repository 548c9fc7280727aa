"""What the commands of `./stockroom dlq` have in common, of projections and of policies: options, how places are named,
what is said, how they end.
"""

import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Annotated, Any, NoReturn, TypeVar

import orjson
import typer

from infra.parked_told import Letter, lines

_PLACE = "TOPIC/PARTITION@OFFSET, as `list` shows it."
Place = Annotated[str, typer.Argument(help=_PLACE)]
KeyOfPlace = Annotated[str | None, typer.Argument(help=f"Retry the key of this record. {_PLACE}")]
Key = Annotated[str | None, typer.Option("--key", help="Only of this key.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Dropped = Annotated[bool, typer.Option("--dropped", help="Instead what was dropped, by whom and why.")]
Every = Annotated[bool, typer.Option("--all", help="Retry every key.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before --all.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for those who come later.")]

T = TypeVar("T")


def say(text: str) -> None:
    """Print a line. Exit 0 when nobody reads any more."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        # The reader of the pipe, `head` for one, has enough. Nothing can be flushed at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from error


async def say_letters(letters: Sequence[AsyncIterator[Letter]], json: bool) -> bool:
    """Print a line for each of these letters; whether there were any."""
    found = False
    for some in letters:
        async for letter in some:
            found = True
            say(orjson.dumps(letter.described()).decode() if json else letter.line())
    return found


def say_whole(letter: Mapping[str, Any], json: bool) -> None:
    """Print all of a letter."""
    say(orjson.dumps(letter).decode() if json else "\n".join(lines(letter)))


def end(text: str, code: int) -> NoReturn:
    """End with a line on standard error."""
    sys.stderr.write(f"{text}\n")
    raise typer.Exit(code)


def place_of(place: str) -> tuple[str, tuple[int, int]]:
    """Topic, and partition with offset, that a place in words stands for. Exit 2: it is none."""
    form = re.fullmatch(r"(.+)/(\d{1,9})@(\d{1,18})", place)
    if form is None:
        end(f"{place!r} is no place: {_PLACE}", 2)
    return form[1], (int(form[2]), int(form[3]))


def there(place: str, found: Sequence[T | None]) -> list[T]:
    """Those that were found at a place. Exit 1: none."""
    return [letter for letter in found if letter is not None] or end(f"nothing is parked at {place}", 1)


def keys_to_retry(
    place: str | None,
    key: T | None,
    every: bool,
    yes: bool,
    at: Callable[[str], Mapping[str, T | None]],
    count: Callable[[], Mapping[str, int]],
) -> Mapping[str, T | None]:
    """Which key each projection or policy is to retry, None for every key: that of a record at ``place``, as ``at``
    finds it, or ``key`` in those that have parked any, as ``count`` tells. Asks before it is ``every`` key, unless
    ``yes``. Exit 2: it is not one of the three. Exit 1: nothing is parked.
    """
    if [place is not None, key is not None, every].count(True) != 1:
        end("give a place, or --key, or --all", 2)
    if place is not None:
        return at(place)
    counts = {name: number for name, number in count().items() if number}
    if not counts:
        end("nothing is parked", 1)
    if every and not yes:
        typer.confirm(f"Retry {sum(counts.values()):,} records of {', '.join(counts)}?", abort=True)
    return dict.fromkeys(counts, key)
