"""The first start: what it installs, when it has nothing to do, and how it begins again after an interruption."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import bootstrap
from infra.settings import REPOSITORY


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose locks name nothing, so that an installation is quick and needs no network."""
    for names in bootstrap.LOCKS.values():
        for name in names:
            (tmp_path / name).write_text("# nothing\n")
    return tmp_path


def test_a_changed_lock_changes_the_digest_of_its_group_alone(repository: Path) -> None:
    before = {group: bootstrap.lock_digest(repository, group) for group in bootstrap.LOCKS}
    (repository / "requirements-dev.txt").write_text("# something else\n")
    after = {group: bootstrap.lock_digest(repository, group) for group in bootstrap.LOCKS}
    assert after["product"] == before["product"]
    assert after["development"] != before["development"]


def test_after_an_installation_there_is_nothing_left_to_do(repository: Path) -> None:
    bootstrap.ensure(repository, ["product"])
    assert bootstrap.missing_groups(repository, ["product"]) == []
    assert bootstrap.missing_groups(repository, ["product", "development"]) == ["development"]


def test_an_interrupted_installation_is_begun_again_from_an_empty_folder(repository: Path) -> None:
    half = repository / ".venv"
    half.mkdir()
    (half / "installing").touch()
    (half / "half-written").touch()
    bootstrap.ensure(repository, ["product"])
    assert not (half / "half-written").exists()
    assert (half / "bin" / "python").exists()
    assert not (half / "installing").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(repository: Path) -> None:
    gone = repository / ".venv" / "bin"
    gone.mkdir(parents=True)
    (gone / "python").symlink_to("/nowhere/python3")
    bootstrap.ensure(repository, ["product"])
    assert (gone / "python").exists()


def test_two_first_starts_at_once_install_once_and_both_succeed(repository: Path) -> None:
    code = "import pathlib, sys; from infra import bootstrap; bootstrap.ensure(pathlib.Path(sys.argv[1]), ['product'])"
    command = [sys.executable, "-c", code, str(repository)]
    starts = [subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [start.communicate(timeout=120)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0]
    assert sum("making" in output for output in outputs) == 1


def test_a_lock_that_pip_refuses_shows_what_pip_said(repository: Path) -> None:
    (repository / "requirements.txt").write_text("this is no requirement\n")
    with pytest.raises(bootstrap.CannotInstall, match="Invalid requirement"):
        bootstrap.ensure(repository, ["product"])
    assert bootstrap.missing_groups(repository, ["product"]) == ["product"]


def test_a_python_without_venv_is_told_what_to_install(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crippled = tmp_path / "python3"
    crippled.write_text("#!/bin/sh\necho 'ensurepip is not available' >&2\nexit 1\n")
    crippled.chmod(0o755)
    monkeypatch.setattr(sys, "_base_executable", str(crippled))
    with pytest.raises(bootstrap.CannotInstall, match=r"(?s)ensurepip is not available.*apt install python3\.\d+-venv"):
        bootstrap.ensure(repository, ["product"])
    assert not (repository / ".venv").exists()


def test_without_a_python_that_is_new_enough_the_launcher_says_so(tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "stockroom", tmp_path / "stockroom")
    commands = tmp_path / "bin"
    commands.mkdir()
    old = commands / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for tool in ("dirname", "readlink"):
        found = shutil.which(tool)
        assert found
        (commands / tool).symlink_to(found)
    result = subprocess.run(
        ["/bin/sh", str(tmp_path / "stockroom"), "up"],
        env={"PATH": str(commands)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr


def test_the_launcher_works_through_a_link_from_another_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(REPOSITORY / "stockroom")
    result = subprocess.run(
        [str(tmp_path / "link"), "--help"],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0
    assert "kafka-console-consumer" in result.stdout
