"""Waiting for what becomes of an aggregate, for ``Prefer: wait``: the writer tells what it has acknowledged."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from command_api.intent import Place
from event_schemas.event import Event

Until = Callable[[Sequence[Event], Any], bool]
"""Says of acknowledged events and the state after them whether they are what is waited for."""


class Watch:
    """What was acknowledged of one aggregate since the watch began."""

    def __init__(self) -> None:
        self._told = asyncio.Event()
        self._ended = False
        self._events: list[Event] = []
        self._follows: dict[tuple[str, int], int] = {}
        self.state: Any = None
        """The newest acknowledged state since then, None if there was none."""

    @property
    def events(self) -> int:
        """How many events were told: as many as the aggregate's version if all of them were."""
        return len(self._events)

    @property
    def follows(self) -> tuple[Place, ...]:
        """The records from which what was acknowledged follows, the last of each partition."""
        return tuple(Place(topic, partition, offset) for (topic, partition), offset in sorted(self._follows.items()))

    def tell(self, events: Sequence[Event], state: Any, follows: Sequence[Place] = ()) -> None:
        """Take what was acknowledged."""
        self._events.extend(events)
        self.state = state
        for topic, partition, offset in follows:
            self._follows[topic, partition] = max(offset, self._follows.get((topic, partition), 0))
        self._told.set()

    def end(self) -> None:
        """Wait for nothing more."""
        self._ended = True
        self._told.set()

    async def until(self, arrived: Until, seconds: float) -> bool:
        """Wait at most ``seconds`` until ``arrived`` says yes to what was told so far; False when it never did, or when
        the watch has ended before."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._ended and (self.state is None or not arrived(self._events, self.state)):
                    self._told.clear()
                    await self._told.wait()
        return self.state is not None and arrived(self._events, self.state)


class Watches:
    """Who waits for which aggregate of a partition."""

    def __init__(self) -> None:
        self._by_subject: dict[str, list[Watch]] = {}

    @contextmanager
    def on(self, subject: str) -> Iterator[Watch]:
        """Watch an aggregate from now on. Begin before the command is sent, so that nothing is missed."""
        watch = Watch()
        self._by_subject.setdefault(subject, []).append(watch)
        try:
            yield watch
        finally:
            watchers = self._by_subject[subject]
            watchers.remove(watch)
            if not watchers:
                del self._by_subject[subject]

    def tell(self, subject: str, events: Sequence[Event], state: Any, follows: Sequence[Place] = ()) -> None:
        """Pass on what was acknowledged of an aggregate."""
        for watch in self._by_subject.get(subject, ()):
            watch.tell(events, state, follows)

    def end(self) -> None:
        """The partition is left: nothing more will be told of it here."""
        for watch in (each for watchers in self._by_subject.values() for each in watchers):
            watch.end()
