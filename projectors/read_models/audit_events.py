"""Read models `audit_catalog`, `audit_stock`, `audit_orders`: every event of a topic as it lies in the log, a row each.

They answer what the log alone cannot be asked quickly: all of one aggregate, of one story, of one type. The rows keep
the value too, since an aggregate's events lie scattered over its partition. One a topic, as a table takes its rows from
one topic; queries put them together.
"""

from collections.abc import Sequence
from datetime import datetime

from event_schemas.record import Recorded
from event_schemas.topics import TOPICS, Topic
from projectors.projection import Bulk, Copy, Projection, Statement
from projectors.read_models.rows import appended_at, over

DDL = """
CREATE TABLE {schema}.<table> (
    partition int NOT NULL,
    record_offset bigint NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    sequence bigint NOT NULL,
    correlation_id text NOT NULL,
    causation_id text NOT NULL,
    command_id text NOT NULL,
    actor text NOT NULL,
    at timestamptz NOT NULL,
    appended_at timestamptz NOT NULL,
    value text NOT NULL
);
"""

KEYS = "ALTER TABLE {schema}.<table> ADD PRIMARY KEY (partition, record_offset);"

INDEXES = """
CREATE INDEX ON {schema}.<table> (subject, partition, record_offset);
CREATE INDEX ON {schema}.<table> (correlation_id);
CREATE INDEX ON {schema}.<table> (type, partition, record_offset);
"""

ROWS = """
INSERT INTO {schema}.<table>
SELECT partition, record_offset, event_id, type, subject, sequence, correlation_id, causation_id, command_id, actor, at,
       to_timestamp(appended_ms / 1000.0), value
FROM unnest($1::int[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[],
            $9::text[], $10::text[], $11::timestamptz[], $12::bigint[], $13::text[])
     AS u(partition, record_offset, event_id, type, subject, sequence, correlation_id, causation_id, command_id, actor,
          at, appended_ms, value)
"""


COLUMNS = (
    "partition", "record_offset", "event_id", "type", "subject", "sequence", "correlation_id", "causation_id",
    "command_id", "actor", "at", "appended_at", "value",
)  # fmt: skip


def _projection(topic: Topic) -> Projection:
    def of_table(sql: str) -> str:
        return sql.replace("<table>", topic.name)

    rows = of_table(ROWS)

    def apply(events: Sequence[Recorded]) -> list[Statement]:
        return over(rows, (_row(item, item.appended_ms) for item in events))

    def fold(events: Sequence[Recorded]) -> list[Copy]:
        return [Copy(topic.name, COLUMNS, [_row(item, appended_at(item.appended_ms)) for item in events])]

    return Projection(
        name=f"audit_{topic.name}",
        version=1,
        topic=topic.name,
        store="postgres",
        tables=(topic.name,),
        ddl=of_table(DDL),
        keys=of_table(KEYS),
        indexes=of_table(INDEXES),
        apply=apply,
        public_schema="audit",
        bulk=Bulk(fold),
    )


def _row(item: Recorded, appended: int | datetime) -> tuple[object, ...]:
    envelope = item.envelope
    return (
        item.partition,
        item.offset,
        envelope.id,
        envelope.type,
        envelope.subject,
        envelope.sequence,
        envelope.correlation_id,
        envelope.causation_id,
        envelope.command_id,
        envelope.actor,
        envelope.time,
        appended,
        item.value.decode(),
    )


PROJECTIONS: tuple[Projection, ...] = tuple(map(_projection, TOPICS))
"""Every event, as it lies in the log."""
