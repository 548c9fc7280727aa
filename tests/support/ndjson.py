"""Headers of a body that has a line of JSON for each command."""

NDJSON = {"Content-Type": "application/x-ndjson"}
