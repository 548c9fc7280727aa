"""Commands that are processes of their own: infra may not import them, so this process becomes them."""

import os
import subprocess
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
    """`python -m policies dlq ARGUMENTS` where they name a policy, else `python -m projectors dlq ARGUMENTS`, in place
    of this process; a list that names neither tells both.
    """
    names = {argument.partition("=")[0] for argument in arguments}
    if "--policy" in names:
        _become("policies", ["dlq", *arguments])
    if arguments[:1] == ["list"] and not names & {"--projection", "--help"}:
        code = subprocess.run(_command("projectors", ["dlq", *arguments]), env=_environment(), check=False).returncode
        if code:
            sys.exit(code)
        _become("policies", ["dlq", *arguments])
    _become("projectors", ["dlq", *arguments])


def bench(arguments: list[str]) -> NoReturn:
    """`python -m benchmarks ARGUMENTS`, in place of this process."""
    _become("benchmarks", arguments)


def campaign(arguments: list[str]) -> NoReturn:
    """`python -m tests.faults.campaign ARGUMENTS`, in place of this process."""
    os.chdir(REPOSITORY)  # where else the user stands there may be other tests
    _become("tests.faults.campaign", arguments)


def _become(module: str, arguments: list[str]) -> NoReturn:
    os.execve(sys.executable, _command(module, arguments), _environment())


def _command(module: str, arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _environment() -> dict[str, str]:
    # The repository is on the path wherever the user stands, and file names given to it stay relative to where that is.
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))}
