"""How many files and connections a process may have open."""

import resource

MOST_OPEN = 32_768
"""Enough for all who may wait at a command API: a connection each, and another where their request was sent on."""


def allow_open_files() -> None:
    """Raise the limit of this process to ``MOST_OPEN``, or as far as it may be raised: many systems begin with 1,024,
    and without a free one no connection to Kafka can be renewed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN if hard == resource.RLIM_INFINITY else min(MOST_OPEN, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
