"""One query that was answered, as its client saw it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Read:
    """A query for one aggregate with the Consistency-Token of an acknowledged command on it. Times are those of
    operations."""

    topic: str
    subject: str
    told: int
    """The version that the command's answer named."""
    invoked: float
    completed: float
    version: int
    """The version that was shown; 0 if the aggregate was not there."""
