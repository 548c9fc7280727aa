"""Sagas: events in, commands out, pure; and the process that carries the commands to the command API."""
