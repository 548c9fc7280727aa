"""The peer of the command benchmark: the `eventsourcing` package on the same PostgreSQL, in process, without HTTP."""
