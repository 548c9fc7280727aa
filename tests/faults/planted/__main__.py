"""`python -m tests.faults.planted PROCESS BUG`: the command API or the query API with one bug."""

import sys

from command_api.__main__ import main as command_api
from infra.process import run_process
from query_api.__main__ import run as query_api
from tests.faults.planted.bugs import BUGS

PROCESSES = {"command_api": command_api, "query_api": query_api}

if __name__ == "__main__":
    _, process, bug = sys.argv
    BUGS[bug]()
    run_process(PROCESSES[process])
