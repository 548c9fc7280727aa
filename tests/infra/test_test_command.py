"""The command that runs the tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import REPOSITORY


@pytest.mark.parametrize("argument", ["--help", "-h", "--version"])
def test_help_is_told_without_any_server(tmp_path: Path, argument: str) -> None:
    nowhere = {"STOCKROOM_CACHE": str(tmp_path / "cache"), "STOCKROOM_MAVEN_URL": "http://127.0.0.1:1"}
    ended = subprocess.run(
        [sys.executable, "-m", "infra.cli", "test", argument],
        env={**os.environ, **nowhere},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "--campaign" in ended.stdout
    assert not list(tmp_path.iterdir())
