"""`check`: lint, format, types, import rules and the compatibility of events, all of them even when one fails."""

import subprocess
import sys

from infra.settings import REPOSITORY

CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
    ("event_schemas.generate", "--check"),
)
# The only one of them without a module to run.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as run; run()"


def check(arguments: list[str]) -> int:
    """Runs the checks; 0 when all pass, else 1. Takes no arguments."""
    if arguments:
        sys.stderr.write("check takes no arguments\n")
        return 2
    commands = [[sys.executable, "-m", *each] for each in CHECKS]
    commands.append([sys.executable, "-c", LINT_IMPORTS, "--no-logo"])
    failed = [command for command in commands if subprocess.run(command, cwd=REPOSITORY, check=False).returncode != 0]
    for command in failed:
        sys.stderr.write(f"failed: {' '.join(command[1:])}\n")
    return 1 if failed else 0
