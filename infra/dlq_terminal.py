"""What the commands of `./stockroom dlq` have in common, of projections and of policies: how places are named, what is
said, how they end.
"""

import os
import re
import sys
from typing import NoReturn

import typer

PLACE_HELP = "TOPIC/PARTITION@OFFSET, as `list` shows it."


def say(text: str) -> None:
    """Print a line. Exit 0 when nobody reads any more."""
    try:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        # The reader of the pipe, `head` for one, has enough. Nothing can be flushed at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from error


def end(text: str, code: int) -> NoReturn:
    """End with a line on standard error."""
    sys.stderr.write(f"{text}\n")
    raise typer.Exit(code)


def place_of(place: str) -> tuple[str, tuple[int, int]]:
    """Topic, and partition with offset, that a place in words stands for. Exit 2: it is none."""
    form = re.fullmatch(r"(.+)/(\d{1,9})@(\d{1,18})", place)
    if form is None:
        end(f"{place!r} is no place: {PLACE_HELP}", 2)
    return form[1], (int(form[2]), int(form[3]))
