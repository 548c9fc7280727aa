"""Which version of each read model is served, which one the projectors' code wants, and which one is kept."""

from typing import Any

import structlog

from infra.http.problems import Unavailable
from query_api.postgres import Postgres

log = structlog.get_logger()

VERSIONS = "version", "wanted_version", "out_of_date", "kept_generation", "kept_version"
_VERSIONS = """
SELECT p.name, p.version,
       (to_jsonb(p)->>'wanted_version')::int AS wanted_version,
       (to_jsonb(p)->>'kept_generation')::int AS kept_generation,
       (to_jsonb(p)->>'kept_version')::int AS kept_version
FROM stockroom.projections p
"""
"""By `to_jsonb` newer columns may be missing: queries are answered before projectors of this release have started."""


async def versions_of(postgres: Postgres) -> dict[str, dict[str, Any]]:
    """`VERSIONS` by read model; none while PostgreSQL does not answer."""
    try:
        rows = await postgres.rows(_VERSIONS)
    except Unavailable as away:
        log.warning("versions_unknown", code=away.code, detail=away.detail)
        return {}
    return {row["name"]: {**row, "out_of_date": row["wanted_version"] not in (None, row["version"])} for row in rows}
