"""A process that stood still knows it, and one that is busy does not think so."""

import signal
import subprocess
import sys
import time

from projectors.streams.pulse import Pulse

SCRIPT = """
import sys
from projectors.streams.pulse import Paused, Pulse
pulse = Pulse(1.0)
print("begun", flush=True)
sys.stdin.readline()
try:
    pulse.check()
except Paused:
    print("paused", flush=True)
else:
    print("not paused", flush=True)
"""


def test_a_process_that_was_stopped_for_longer_than_its_bound_finds_out() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.5)  # the pause itself is what is tested
        process.send_signal(signal.SIGCONT)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "paused\n"


def test_a_loop_that_is_busy_is_no_pause() -> None:
    pulse = Pulse(5.0)
    ends = time.monotonic() + 1.0
    while time.monotonic() < ends:
        sum(range(1_000))
    pulse.check()
