"""Read model `voided`: records that operators have given up, each for one projection, to which they never happened."""

from collections.abc import Sequence

from event_schemas.operations import RecordVoided
from event_schemas.record import Recorded
from event_schemas.topics import OPERATIONS
from projectors.projection import Projection, Statement
from projectors.read_models.rows import over

DDL = """
CREATE TABLE {schema}.voided_records (
    projection text NOT NULL,
    topic text NOT NULL,
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    key text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL
);
"""
KEYS = "ALTER TABLE {schema}.voided_records ADD PRIMARY KEY (projection, topic, partition, record_offset);"
ROWS = """
INSERT INTO {schema}.voided_records
SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::text[], $6::text[], $7::text[],
                     $8::timestamptz[])
ON CONFLICT DO NOTHING
"""


def apply(events: Sequence[Recorded]) -> list[Statement]:
    """A row a record."""
    rows = [(item, item.event) for item in events if isinstance(item.event, RecordVoided)]
    return over(
        ROWS,
        (
            (
                event.projection,
                event.record_topic,
                event.record_partition,
                event.record_offset,
                event.key,
                event.reason,
                item.envelope.actor,
                item.envelope.time,
            )
            for item, event in rows
        ),
    )


PROJECTION = Projection(
    name="voided",
    version=1,
    topic=OPERATIONS.name,
    store="postgres",
    tables=("voided_records",),
    ddl=DDL,
    keys=KEYS,
    indexes="",
    apply=apply,
    public_schema="operations",
)
