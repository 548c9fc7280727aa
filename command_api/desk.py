"""Where routes hand in commands and get answers: once per process, with the writers and the catalog copy behind it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from command_api.catalog_copy import CatalogCopy
from command_api.group.instance_group import InstanceGroup
from command_api.intent import Answer, Intent, Place
from command_api.offers import Offers
from command_api.refusals import etag
from command_api.request import CommandRequest
from command_api.seen import SeenLog, catalog_ends
from command_api.writer.writers import Writers
from domain.decider import Command
from event_schemas.topics import CATALOG
from infra.http.consistency_token import HEADER, Token, render
from infra.http.problems import Problem, Unavailable
from infra.partition_of import partition_of


class Starting(Unavailable):
    """The process has not reached Kafka yet."""

    code, title = "starting", "The command API is starting"


class Desk:
    """Carries commands out for routes, and dresses their answers."""

    def __init__(
        self,
        writers: Writers,
        catalog: CatalogCopy,
        seen: SeenLog,
        cluster_id: str,
        query_api_url: str,
        group: InstanceGroup,
    ) -> None:
        self.writers = writers
        self.group = group
        self._catalog = catalog
        self._seen = seen
        self._cluster_id = cluster_id
        self._query_api_url = query_api_url

    @property
    def reading_catalog(self) -> bool:
        """Whether the catalog copy has not read yet what was in the catalog at the start."""
        return not self._catalog.caught_up

    def offers(self, tokens: Sequence[Token] = ()) -> Offers:
        """A look-up of products for one request, at least as new as its Consistency-Token."""
        return Offers(self._catalog, lambda: self.writers.positions(CATALOG.name), catalog_ends(tokens))

    async def carry_out(
        self,
        asked: CommandRequest,
        path: str,
        body: BaseModel | None,
        make: Callable[[], Awaitable[Command]],
        *,
        of: tuple[str, str],
    ) -> Answer:
        """The answer to the command that ``make`` gives, or its first answer when it was carried out before.

        ``of`` is topic and id of the aggregate that decides it.

        A repeat gets its first answer even where ``make`` fails since things have changed.
        Raises ``HeldElsewhere``, or any ``Problem`` of the write path.
        """
        fingerprint = asked.fingerprint(path, body)
        if self.writers.of(*of).claiming:
            await self.writers.ready(*of)
        if asked.tokens:
            await self._seen.check(asked.tokens)
        made: Command | Answer | None = self.writers.recall(*of, asked.command_id, fingerprint)
        if made is None:
            self.writers.admit(*of)
            made = await made_or_recalled(self.writers, of, asked.command_id, fingerprint, make)
        if isinstance(made, Answer):
            answer = made
        else:
            intent = Intent(
                command=made,
                command_id=asked.command_id,
                fingerprint=fingerprint,
                actor=str(asked.principal),
                correlation_id=asked.command_id,
                causation_id=asked.command_id,
                expected_version=asked.expected_version,
                must_exist=asked.must_exist,
                gone=asked.gone,
                since=asked.since,
            )
            answer = await self.writers.submit(intent)
        if answer.replayed:
            answer = answer._replace(events=await self.writers.events_of(answer))
        return answer

    async def newest(self, topic: str, aggregate_ids: Iterable[str]) -> tuple[Place, ...]:
        """Places before which all lies that has happened to these aggregates. Raises ``DependencyUnavailable``."""
        return await self._seen.last({(topic, partition_of(each, self.writers.partitions)) for each in aggregate_ids})

    def respond(self, answer: Answer, body: Any, *, status: int = 200, location: str | None = None) -> Response:
        """The HTTP answer: version as ETag, places in the log as tokens, and whether it repeats an earlier one.

        ``location`` is a path of the query API.
        """
        places = [(answer.topic, answer.partition, answer.offset), *answer.seen]
        tokens = render(Token(self._cluster_id, *place) for place in places)
        headers = {**etag(answer.version), HEADER: tokens}
        if location is not None:
            headers["Location"] = self._query_api_url + location
        if answer.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(orjson.dumps(body, default=float), status, headers, "application/json")

    def told(self, answer: Answer) -> dict[str, Any]:
        """The body of a command on something that exists: what happened to it, nothing where nothing changed."""
        events = [
            {"type": event.wire_type, **event.model_dump(mode="json", exclude_none=True)} for event in answer.events
        ]
        return {"id": answer.subject, "version": answer.version, "events": events}


async def made_or_recalled(
    writers: Writers, of: tuple[str, str], command_id: str, fingerprint: str, make: Callable[[], Awaitable[Command]]
) -> Command | Answer:
    """The command that ``make`` gives. Where it fails since things have changed, the first answer to the command if it
    was carried out before on the aggregate ``of`` (topic and id), else the problem."""
    try:
        return await make()
    except Problem:
        await writers.ready(*of)
        answer = writers.recall(*of, command_id, fingerprint)
        if answer is None:
            raise
        return answer


def given(command: Command) -> Callable[[], Awaitable[Command]]:
    """Makes a command that needs nothing looked up, for ``Desk.carry_out``."""

    async def make() -> Command:
        return command

    return make


async def current_desk(request: Request) -> Desk:
    """The desk of this process. Raises ``Starting`` before Kafka was reached."""
    desk: Desk | None = getattr(request.app.state, "desk", None)
    if desk is None:
        raise Starting("Kafka has not been reached yet; it is tried again by itself.")
    return desk


AtDesk = Annotated[Desk, Depends(current_desk)]
"""Type of a route's parameter that is the desk."""
