"""Bodies of requests and answers about rebuilds and rollbacks."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RebuildRequest(BaseModel):
    """What to rebuild, and how."""

    model_config = ConfigDict(extra="forbid")

    names: list[str] = Field(default=[], max_length=100, description="Names of projections.")
    all: bool = Field(default=False, description="Every projection, instead of names.")
    partitions_in_parallel: int | None = Field(
        default=None, ge=1, le=64, description="Processes that read partitions side by side; null: one a core."
    )
    rate: float | None = Field(default=None, ge=1, description="Most events a second, read by one process.")
    accept: bool = Field(default=False, description="Switch although rows differ, or could not be compared.")
    anew: bool = Field(default=False, description="Drop what an earlier rebuild has filled and left.")

    @model_validator(mode="after")
    def _either(self) -> "RebuildRequest":
        if self.all == bool(self.names):
            raise ValueError("give names or all, not both" if self.all else "give names, or all")
        return self


class PlanShown(BaseModel):
    """What the rebuild of one projection would do."""

    projection: str
    version: int = Field(description="Of the code, which would fill it.")
    serving_generation: int | None = Field(description="Null when it has never run.")
    serving_version: int | None
    resumes_generation: int | None = Field(description="What an earlier rebuild left, and this one would go on with.")
    events: dict[int, int] = Field(description="In the log, by partition.")
    to_read: int
    rows: dict[str, int] = Field(description="That serve now, by table or family of keys.")
    bytes: int | None
    disk_free: int | None
    seconds: float | None = Field(description="By the rate of the last rebuild; null when there was none.")
    fits: bool = Field(description="Whether the disk has room, as far as that is known.")


class PlanList(BaseModel):
    """A plan of each projection, in the order of the request."""

    plans: list[PlanShown]


class RebuildShown(BaseModel):
    """One run of a rebuild."""

    id: UUID
    names: list[str]
    actor: str
    state: Literal["running", "done", "refused", "failed", "cancelled"]
    cancelled: bool = Field(description="Somebody has asked for its end.")
    started_at: datetime
    beat_at: datetime = Field(description="Its last sign of life.")
    ended_at: datetime | None
    progress: list[dict[str, Any]] = Field(
        description="By projection: generation, step, events done and expected, report."
    )
    code: str | None = Field(
        description="Why it ended: `rows_differ`, `not_compared`, `rebuild_refused`, `rebuild_failed`."
    )
    error: str | None


class RebuildList(BaseModel):
    """Runs, the newest first."""

    items: list[RebuildShown]


class RollbackShown(BaseModel):
    """What a rollback did."""

    projection: str
    generation: int = Field(description="The one that serves now.")
    version: int
    kept_generation: int = Field(description="The one that served before; a second rollback returns to it.")
    kept_version: int
    code_version: int = Field(description="Where it is not `version`, nothing that runs here fills what serves.")
    events_behind: int
    milliseconds: float
    remark: str = Field(description="Why queries do not see it yet; empty when they do.")
