"""What the launcher needs to know of a program to start it, see it ready and stop it."""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field


class NotReady(Exception):
    """The program does not serve yet; the message says why, for a person."""


class CannotStart(Exception):
    """The program cannot be started as things are; the message says why and what to do."""


def nothing_to_prepare() -> None:
    """For programs that need no preparation."""


@dataclass(frozen=True)
class Program:
    """A program: its command line, its ports, its readiness check, and how it is stopped.

    A port has the name of its setting, with what is added to it where that is so: `command_api_port + 100`.

    `prepare` runs before every start, in a thread, and may raise `CannotStart`. `check` returns when the program
    serves, and raises `NotReady` until then. `stop_seconds` is the bound after which it is killed.
    """

    name: str
    command: tuple[str, ...]
    address: str
    ports: Mapping[str, int]
    check: Callable[[], Awaitable[None]]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = nothing_to_prepare
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
