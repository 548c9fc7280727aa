"""Queries of the read models `audit_*`: the events of all topics, put together."""

from collections.abc import Collection

from event_schemas.topics import TOPICS

COLUMNS = """partition, record_offset, event_id, type, subject, sequence, correlation_id, causation_id, command_id,
actor, at, appended_at, value"""

# A partition's append times may go back where another writer took it over; its events stay in the log's order.
_OF_TOPIC = """
SELECT '{topic}' AS topic, e.* FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p(topic, number, next)
CROSS JOIN LATERAL (
    SELECT *, max(appended_at) OVER (ORDER BY record_offset) AS told_at FROM (
        SELECT {columns} FROM audit.{topic} a
        WHERE a.partition = p.number AND a.record_offset >= p.next{filters}
        ORDER BY a.record_offset LIMIT $4
    ) AS first
) AS e
WHERE p.topic = '{topic}'
"""


def page(filters: Collection[str]) -> str:
    """The next events after a place in each partition: $1 topics, $2 partitions, $3 next offsets, $4 how many.

    ``filters`` are columns with their operator, as ``subject =``; their values are $5 and on.
    """
    conditions = "".join(f" AND a.{filter_} (${number})" for number, filter_ in enumerate(filters, 5))
    parts = (_OF_TOPIC.format(topic=one.name, columns=COLUMNS, filters=conditions) for one in TOPICS)
    return f"{' UNION ALL '.join(parts)} ORDER BY told_at, topic, partition, record_offset LIMIT $4"
