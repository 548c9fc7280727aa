"""`python -m tests.streams NAME TOPIC`: the streams' process over a topic and under a name of a test's own."""

import sys

from infra.process import run_process
from projectors.streams.process import run

if __name__ == "__main__":
    run_process(lambda settings: run(settings, sys.argv[1], sys.argv[2]))
