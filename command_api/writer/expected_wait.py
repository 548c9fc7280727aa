"""How long a command that comes now would wait in the queue of its writer, from what the last batches took."""

import time
from collections.abc import Callable

from command_api.writer.batch import MAX_COMMANDS

WEIGHT = 0.3
"""Of the newest batch in the mean: a slow one is half forgotten after two."""


class ExpectedWait:
    """Measures the batches of one writer. It tells ``batch`` what each takes, ``settled`` when it is done.

    Whatever waits in a queue waits for whole batches, so the time of one is what counts, and how many commands go into
    it: ``MAX_COMMANDS``, or fewer where commands are large.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun = 0.0
        self._seconds = 0.0
        self._commands = MAX_COMMANDS

    def batch(self, commands: int, left: int) -> None:
        """A batch of so many commands sets out, and so many are left in the queue: it was full if there are any."""
        self._begun = self._clock()
        self._commands = max(1, commands) if left else max(self._commands, commands)

    def settled(self) -> None:
        """The batch is in the log. One that is not says nothing of the next: the partition is claimed anew."""
        self._seconds += WEIGHT * (self._clock() - self._begun - self._seconds)

    def behind(self, queued: int) -> float:
        """Seconds that a command waits behind ``queued`` others. Behind none it is 0 whatever was before, so a writer
        that was slow is tried again."""
        return -(-queued // self._commands) * self._seconds
