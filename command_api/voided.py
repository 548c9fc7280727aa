"""Endpoint of voided records: give a recorded event up for one projection. `./stockroom dlq drop` asks here."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from command_api.desk import AtDesk, given
from command_api.request import Asked
from domain.voided import VoidRecord
from domain.words import Code
from event_schemas.topics import OPERATIONS
from infra.http.principal import Operator

router = APIRouter(prefix="/v1/voided-records", tags=["operations"])


class NewVoidedRecord(BaseModel):
    """Which record, for which projection, and why. Records of the topic `operations` cannot be given up."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "projection": "top_sellers",
                    "record_topic": "orders",
                    "record_partition": 3,
                    "record_offset": 17,
                    "key": "0d1f3c1e-5a0e-5b1e-8a57-6a0b7e3a2f11",
                    "reason": "placed by a test script",
                }
            ]
        },
    )

    projection: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    record_topic: Literal["catalog", "stock", "orders"]
    record_partition: int = Field(ge=0, lt=2**31, strict=True)
    record_offset: int = Field(ge=0, lt=2**63, strict=True)
    key: str = Field(max_length=1_000, pattern=r"^[^\x00]*$", description="Of the record; what it is about.")
    reason: Code


@router.post("", status_code=201, summary="Give a record up for one projection")
async def void_record(operator: Operator, body: NewVoidedRecord, asked: Asked, desk: AtDesk) -> Response:
    """The projection takes the record in as if it had never happened, now and in every rebuild. For records that are
    parked: one that was applied stays applied until the next rebuild, so `./stockroom dlq drop` looks first.

    Answers 201 with the event, none where it was given up before, whatever the reason was.
    """
    command = VoidRecord(**body.model_dump())
    of = (OPERATIONS.name, command.aggregate_id)
    answer = await desk.carry_out(asked, "/v1/voided-records", body, given(command), of=of)
    location = f"/v1/events?subject={quote(command.aggregate_id, safe='')}"
    shown = answer._replace(replayed=answer.replayed or not answer.events)
    return desk.respond(shown, desk.told(answer), status=201, location=location)
