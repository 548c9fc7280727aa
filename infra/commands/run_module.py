"""Commands that are processes of their own: infra may not import them, so this process becomes them."""

import os
import sys
from typing import NoReturn

from infra.settings import REPOSITORY


def rebuild(arguments: list[str]) -> NoReturn:
    """`python -m projectors rebuild ARGUMENTS`, in place of this process."""
    _become("projectors", ["rebuild", *arguments])


def rollback(arguments: list[str]) -> NoReturn:
    """`python -m projectors rollback ARGUMENTS`, in place of this process."""
    _become("projectors", ["rollback", *arguments])


def dlq(arguments: list[str]) -> NoReturn:
    """`python -m projectors dlq ARGUMENTS`, in place of this process."""
    _become("projectors", ["dlq", *arguments])


def bench(arguments: list[str]) -> NoReturn:
    """`python -m benchmarks ARGUMENTS`, in place of this process."""
    _become("benchmarks", arguments)


def campaign(arguments: list[str]) -> NoReturn:
    """`python -m tests.faults.campaign ARGUMENTS`, in place of this process."""
    os.chdir(REPOSITORY)  # where else the user stands there may be other tests
    _become("tests.faults.campaign", arguments)


def _become(module: str, arguments: list[str]) -> NoReturn:
    # The repository is on the path wherever the user stands, and file names given to it stay relative to where that is.
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    os.execve(sys.executable, [sys.executable, "-m", module, *arguments], {**os.environ, "PYTHONPATH": path})
