"""Sends an import's phases one after another, and counts what became of each command."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import httpx

from infra.imports.bulk_client import BulkClient
from infra.imports.bulk_command import STANDING, Answer, BulkCommand
from infra.imports.progress import ImportProgress
from infra.imports.report import Outcome
from infra.settings import Settings

BATCH_COMMANDS = 500
BATCH_BYTES = 1_000_000


class Phase(NamedTuple):
    """Commands that must all be settled before the next phase begins."""

    name: str
    commands: Sequence[BulkCommand]


class Sending:
    """Sends phases to the command API that the settings name; `outcome` grows with every answer."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings, progress: ImportProgress) -> None:
        self._progress = progress
        self.outcome = Outcome()
        self._client = BulkClient(
            http,
            settings.command_api_url,
            self._settle,
            progress.say,
            most_commands=min(BATCH_COMMANDS, settings.max_bulk_commands),
            most_bytes=min(BATCH_BYTES, settings.max_bulk_bytes),
        )

    async def send(self, phase: Phase) -> None:
        """Send one phase and return when it is settled. Raises `ImportStopped`."""
        began = time.monotonic()
        self._progress.phase(phase.name, len(phase.commands))
        try:
            await self._client.send(phase.commands)
        finally:
            self.outcome.seconds += time.monotonic() - began
            self.outcome.attempts_again = self._client.repeated

    def _settle(self, command: BulkCommand, answered: Answer) -> None:
        tally = self.outcome.of(command.kind)
        if answered.is_done and answered.status == 201 and not answered.replayed:
            tally.done += 1
        elif answered.is_done:
            tally.already_there += 1
        elif answered.code in STANDING:
            tally.differing.note(answered.code, f"{command.key}: {answered.detail}")
        else:
            tally.refused.note(answered.code or str(answered.status), f"{command.key}: {answered.detail}")
        self._progress.advance(command.rows)
