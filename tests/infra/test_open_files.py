"""The limit on open files and connections, in processes that begin with a low one."""

import resource
import subprocess
import sys

import pytest

from infra.open_files import MOST_OPEN

SHOW = "import resource; from infra.open_files import allow_open_files; allow_open_files()\n"
SHOW += "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
MAY = MOST_OPEN if HARD == resource.RLIM_INFINITY else min(MOST_OPEN, HARD)


@pytest.mark.parametrize(("soft", "hard", "shown"), [(256, HARD, [MAY, HARD]), (256, 512, [512, 512])])
def test_a_process_may_have_as_many_open_as_its_system_lets_it(soft: int, hard: int, shown: list[int]) -> None:
    begin = f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\n"
    told = subprocess.run([sys.executable, "-c", begin + SHOW], capture_output=True, text=True, check=True)
    assert [int(limit) for limit in told.stdout.split()] == shown
