"""Makes `.venv` from the hash-pinned locks, then becomes `infra.cli` in it. Only the standard library is used here.

A start that has nothing to do reads the locks, compares one digest and goes on. An interrupted installation leaves a
mark, and the next start begins it again from an empty folder.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LOCKS = {"product": ("requirements.txt", "requirements-servers.txt"), "development": ("requirements-dev.txt",)}
DEVELOPMENT_COMMANDS = ("test", "bench", "check")
SHOWN_LINES = 15


class CannotInstall(Exception):
    """The virtual environment could not be made; the message says why and what to do."""


def lock_digest(repository: Path, group: str) -> str:
    """A digest of a group's locks and of the Python that they are installed for; another digest means to install."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {sysconfig.get_platform()}".encode())
    for name in LOCKS[group]:
        digest.update((repository / name).read_bytes())
    return digest.hexdigest()


def missing_groups(repository: Path, wanted: list[str]) -> list[str]:
    """The groups whose locks are not what `.venv` has."""
    try:
        installed = json.loads(_stamp(repository).read_text())
    except (OSError, ValueError):
        installed = {}
    return [group for group in wanted if installed.get(group) != lock_digest(repository, group)]


def ensure(repository: Path, wanted: list[str]) -> None:
    """Installs what is missing, one process at a time. Raises `CannotInstall`."""
    if not missing_groups(repository, wanted):
        return
    # The folder itself is what is locked: a lock file would be one more file to ignore.
    folder = os.open(repository, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another start is installing; waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        if missing := missing_groups(repository, wanted):
            _install(repository, missing)
    finally:
        os.close(folder)


def _install(repository: Path, groups: list[str]) -> None:
    environment = repository / ".venv"
    mark = environment / "installing"
    if mark.exists():
        say("the last installation was interrupted: beginning again")
        shutil.rmtree(environment)
    if (environment / "bin" / "python").exists():
        mark.touch()
    else:
        say(f"making {environment} with Python {sys.version.split()[0]}")
        shutil.rmtree(environment, ignore_errors=True)
        environment.mkdir()
        mark.touch()
        _make_environment(environment)
    for group in groups:
        _pip_install(repository, group)
        _remember(repository, group)
    mark.unlink()


def _make_environment(environment: Path) -> None:
    # From inside a virtual environment the base Python is asked, or the new one would hang on the old one.
    python = getattr(sys, "_base_executable", None) or sys.executable
    result = subprocess.run([python, "-m", "venv", str(environment)], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    shutil.rmtree(environment, ignore_errors=True)
    if subprocess.run([python, "-m", "virtualenv", str(environment)], capture_output=True, check=False).returncode == 0:
        return
    shutil.rmtree(environment, ignore_errors=True)
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    raise CannotInstall(
        f"{python} cannot make a virtual environment (its venv or ensurepip is missing):\n"
        f"{(result.stdout + result.stderr).strip()}\n"
        f"Install it, for example 'apt install python{version}-venv' on Debian and Ubuntu, or 'pip install --user "
        "virtualenv', or put another Python 3.11+ first on the PATH; then run this again."
    )


def _pip_install(repository: Path, group: str) -> None:
    names = LOCKS[group]
    total = sum(line[:1].isalnum() for name in names for line in (repository / name).read_text().splitlines())
    say(f"installing up to {total} packages ({', '.join(names)})")
    files = [part for name in names for part in ("-r", str(repository / name))]
    pip = [str(repository / ".venv" / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    command = [*pip, "--no-input", "--progress-bar", "off", "--require-hashes", *files]
    lines: list[str] = []
    seen = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Collecting "):
                seen += 1
                _tick(f"  {seen}/{total} {line.split()[1].split('==')[0]}", is_tenth=seen % 10 == 0)
            elif line.startswith("Installing collected"):
                _tick("  unpacking", is_tenth=True)
    _tick("", is_tenth=False)
    if process.returncode != 0:
        shown = "\n".join(f"  {line}" for line in lines[-SHOWN_LINES:])
        raise CannotInstall(
            f"pip could not install {', '.join(names)}:\n{shown}\n"
            "Check the network and the proxy variables (HTTPS_PROXY, PIP_INDEX_URL), then run this again."
        )


def _remember(repository: Path, group: str) -> None:
    try:
        installed = json.loads(_stamp(repository).read_text())
    except (OSError, ValueError):
        installed = {}
    part = _stamp(repository).with_suffix(".part")
    part.write_text(json.dumps({**installed, group: lock_digest(repository, group)}))
    part.replace(_stamp(repository))


def _stamp(repository: Path) -> Path:
    return repository / ".venv" / "installed.json"


def say(text: str) -> None:
    """A line for the person who waits; on standard error, so that a command's own output stays clean."""
    sys.stderr.write(f"stockroom: {text}\n")
    sys.stderr.flush()


def _tick(text: str, *, is_tenth: bool) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
    elif is_tenth:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> None:
    """Installs what the command needs, then becomes it. Exits with 1 and a message when that fails."""
    wanted = ["product", "development"] if arguments[:1] and arguments[0] in DEVELOPMENT_COMMANDS else ["product"]
    try:
        ensure(REPOSITORY, wanted)
    except (CannotInstall, OSError) as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; the next start begins the installation again")
        sys.exit(130)
    python = str(REPOSITORY / ".venv" / "bin" / "python")
    path = os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))
    # -P: what lies in the user's current folder is never imported.
    os.execve(python, [python, "-P", "-m", "infra.cli", *arguments], {**os.environ, "PYTHONPATH": path})


if __name__ == "__main__":
    main(sys.argv[1:])
