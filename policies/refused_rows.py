"""Refused commands as rows of ``policies.refused``: each leaves a story that hangs until a person has looked."""

from collections.abc import Sequence

from policies.answers import Refusal
from policies.tables import Connection

_INSERT = """
INSERT INTO policies.refused (policy, topic, command_key, command_type, aggregate_id, status, code, detail, line)
SELECT $1, $2, r.* FROM unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[]) AS r
ON CONFLICT DO NOTHING
"""


async def insert_refused(connection: Connection, policy: str, topic: str, refusals: Sequence[Refusal]) -> None:
    """Keep what was refused, in the caller's transaction; what is kept already stays as it is."""
    if refusals:
        await connection.execute(
            _INSERT,
            policy,
            topic,
            [refusal.line.key for refusal in refusals],
            [refusal.line.command_type for refusal in refusals],
            [refusal.line.aggregate_id for refusal in refusals],
            [refusal.status for refusal in refusals],
            [refusal.code for refusal in refusals],
            [refusal.detail.replace("\x00", "\ufffd") for refusal in refusals],
            [refusal.line.body.decode() for refusal in refusals],
        )
