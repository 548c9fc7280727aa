"""Reads what was written: a query that carries a Consistency-Token waits until its read model has applied it.

A token of a topic that does not feed the endpoint is checked but not waited for. Where Kafka does not answer, it is not
checked for being of the future either: the answer needs nothing of it.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from infra.cluster import EVENT_TOPICS
from infra.http.consistency_token import Token, parse, refuse_strange
from infra.http.known_ends import KnownEnds
from infra.http.problems import DependencyUnavailable
from query_api.asking import Asking
from query_api.feeds import FEEDS, Feed
from query_api.log import Log
from query_api.positions import Positions
from query_api.refusals import ProjectionLagging

FIRST_PAUSE, LONGEST_PAUSE, SHARE = 0.002, 0.05, 0.05
"""Seconds between two looks, growing as a share of the time that is waited already: 5 ms after 100 ms."""
DOUBT_SECONDS = 0.05
"""After this the log is asked whether a token that is not reached is of the future. Most are reached before."""


class Consistency:
    """Waits for positions. `default_wait` in seconds holds where the request does not say."""

    def __init__(self, positions: Positions, log: Log, default_wait: float) -> None:
        self._asking = {name: Asking(partial(positions.of, feed)) for name, feed in FEEDS.items()}
        self._log = log
        self._default_wait = default_wait
        self._ends = KnownEnds(lambda _: log.ends())

    async def reach(self, header: str, wait: float | None, names: tuple[str, ...]) -> None:
        """Returns when the read models `names` have applied every token of the header; within `wait` seconds.

        Raises `BadConsistencyToken`, `ForeignConsistencyToken` or `FutureConsistencyToken` for a token that can never
        be reached, `ProjectionLagging` when it is not within the time, `DependencyUnavailable` when nobody can tell.
        """
        tokens = parse(header)
        self._check(tokens)
        read = {FEEDS[name].topic for name in names}
        with suppress(DependencyUnavailable):
            await self._ends.refuse_future(token for token in tokens if token.topic not in read)
        began = time.monotonic()
        deadline = began + (self._default_wait if wait is None else wait)
        for feed in (FEEDS[name] for name in names):
            wanted = {token.partition: token for token in sorted(tokens) if token.topic == feed.topic}
            if wanted:
                await self._wait(feed, wanted, began, deadline)

    def _check(self, tokens: list[Token]) -> None:
        if self._log.cluster is None:
            raise DependencyUnavailable("Kafka has not told its cluster's id yet; the token cannot be checked.")
        refuse_strange(tokens, self._log.cluster, EVENT_TOPICS, self._log.partitions)

    async def _wait(self, feed: Feed, wanted: Mapping[int, Token], began: float, deadline: float) -> None:
        checked = False
        while True:
            partitions = (await self._asking[feed.name].now()).partitions
            behind = [
                token
                for number, token in wanted.items()
                if number not in partitions or partitions[number].next_offset <= token.offset
            ]
            if not behind:
                return
            now = time.monotonic()
            if not checked and now >= min(deadline, began + DOUBT_SECONDS):
                await self._ends.refuse_future(behind)
                checked = True
            if now >= deadline:
                token = behind[0]
                position = partitions.get(token.partition)
                raise ProjectionLagging(
                    f"{feed.name} has not applied {token} yet.",
                    projection=feed.name,
                    token=str(token),
                    next_offset=position.next_offset if position else 0,
                )
            pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, SHARE * (now - began)))
            await asyncio.sleep(min(pause, deadline - now))
