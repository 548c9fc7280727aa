"""Carries out the deadlines of a partition's aggregates: when one has passed, its command is handed in like others."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid5

import structlog

from command_api.intent import Answer, Intent
from command_api.refusals import Quarantined
from command_api.request import IDENTITIES
from command_api.writer.aggregate import Versioned
from command_api.writer.memory import Cold, Memory
from domain.decider import Decider

ACTOR = "system:timer"
"""Who the commands of deadlines come from."""
MOST_AT_ONCE = 250
"""So many deadlines are carried out in one call. After a long stop thousands may have passed, and clients wait too."""

logger = structlog.get_logger(__name__)


class Timers:
    """The timers of one partition. ``state`` gives an aggregate as acknowledged, ``submit`` hands a command in,
    ``load`` has an aggregate brought into memory in the background."""

    def __init__(
        self,
        topic: str,
        decider: Decider[Any],
        memory: Memory,
        state: Callable[[str], Versioned],
        submit: "Callable[[Intent], asyncio.Future[Answer]]",
        load: Callable[[str], None],
    ) -> None:
        self._topic = topic
        self._decider = decider
        self._memory = memory
        self._state = state
        self._submit = submit
        self._load = load

    def fire(self, now: datetime) -> None:
        """Hand in the commands of deadlines that have passed, ``MOST_AT_ONCE`` at most. What fails is tried again at
        the next call; what is carried out twice changes nothing the second time."""
        for subject in self._memory.deadlines.passed(now, MOST_AT_ONCE):
            try:
                due = self._decider.due(self._state(subject).state)
            except Quarantined:
                continue
            except Cold:
                self._load(subject)
                self._memory.deadlines.note(subject, now)
                continue
            if due is None or due.at > now:
                self._memory.deadlines.note(subject, None if due is None else due.at)
                continue
            command_id = str(uuid5(IDENTITIES, f"timer|{self._topic}|{subject}|{due.at.isoformat()}"))
            story = self._memory.story(subject)
            fired = self._submit(Intent(due.command, command_id, "", ACTOR, story, story))
            fired.add_done_callback(partial(self._fired, subject, due.at))

    def _fired(self, subject: str, at: datetime, future: "asyncio.Future[Answer]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            logger.warning("a deadline could not be carried out yet", subject=subject, why=repr(error))
            self._memory.deadlines.note(subject, at)
