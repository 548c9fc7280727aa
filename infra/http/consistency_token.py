"""The Consistency-Token: where a command's last event lies, as `<cluster>:orders/3@1842`; several stand behind commas.

A query that gets it back answers only from a projection that has applied that record: next offset above 1842. A command
that gets it back is decided on a catalog that has taken it in.
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from infra.http.problems import BadRequest

HEADER = "Consistency-Token"
MOST_TOKENS = 100
_ONE = re.compile(r"([A-Za-z0-9._-]{1,100}):([a-z][a-z0-9._-]{0,99})/([0-9]{1,4})@([0-9]{1,100})", re.ASCII)


class BadConsistencyToken(BadRequest):
    """The header cannot be read."""

    code, title = "bad_consistency_token", "The Consistency-Token cannot be read"


class ForeignConsistencyToken(BadRequest):
    """The token was given by another Kafka cluster."""

    code, title = "foreign_consistency_token", "The Consistency-Token is another cluster's"


class FutureConsistencyToken(BadRequest):
    """The token names a record beyond the end of the log."""

    code, title = "future_consistency_token", "The Consistency-Token lies beyond the end of the log"


class Token(NamedTuple):
    """The place of one record: Kafka's cluster id, topic, partition, offset."""

    cluster: str
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.cluster}:{self.topic}/{self.partition}@{self.offset}"


def parse(header: str) -> list[Token]:
    """The tokens in the header's value. Raises `BadConsistencyToken` when one cannot be read, or there are too many."""
    parts = [part.strip() for part in header.split(",")]
    if len(parts) > MOST_TOKENS:
        raise BadConsistencyToken(f"More than {MOST_TOKENS} tokens.")
    tokens = []
    for part in parts:
        match = _ONE.fullmatch(part)
        if match is None:
            raise BadConsistencyToken(f"{part[:200]!r} is not of the form <cluster>:<topic>/<partition>@<offset>.")
        cluster, topic, partition, offset = match.groups()
        tokens.append(Token(cluster, topic, int(partition), int(offset)))
    return tokens


def render(tokens: Iterable[Token]) -> str:
    """The header's value for these tokens."""
    return ",".join(map(str, tokens))


def refuse_strange(tokens: Iterable[Token], cluster: str, topics: Container[str], partitions: int) -> None:
    """Refuse tokens that name no partition of this cluster's ``topics``, each of which has ``partitions``, 0 where
    that is not known.

    Raises `ForeignConsistencyToken` or `BadConsistencyToken`.
    """
    for token in tokens:
        if token.cluster != cluster:
            raise ForeignConsistencyToken(f"{token} is not of this cluster.")
        if token.topic not in topics:
            raise BadConsistencyToken(f"{token}: there is no topic {token.topic!r}.")
        if partitions and token.partition >= partitions:
            raise BadConsistencyToken(f"{token}: the topic has no partition {token.partition}.")


def refuse_future(tokens: Iterable[Token], ends: Mapping[tuple[str, int], int]) -> None:
    """Refuse tokens at or beyond the ends of their partitions. Raises `FutureConsistencyToken`."""
    for token in tokens:
        end = ends.get((token.topic, token.partition), 0)
        if token.offset >= end:
            raise FutureConsistencyToken(f"{token}: the partition ends at {end}.")
