"""A command of the command line, as a line of the table in `infra/cli.py`: its code is imported when it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Command:
    """A command: its name, where its function is (`module:function`), and its line in `--help`.

    A typed function gets its options from its signature, by Typer. One that `takes_all` gets the list of arguments as
    it was typed, `--help` included; with `by_name` it gets its own name before it.
    """

    name: str
    target: str
    summary: str
    takes_all: bool = False
    by_name: bool = False

    def load(self) -> Callable[..., Any]:
        """The function itself."""
        module, function = self.target.split(":")
        loaded: Callable[..., Any] = getattr(import_module(module), function)
        return loaded
