"""`python -m tests.faults.planted BUG`: the command API with one bug."""

import sys

from command_api.__main__ import main
from infra.process import run_process
from tests.faults.planted.bugs import BUGS

if __name__ == "__main__":
    BUGS[sys.argv[1]]()
    run_process(main)
