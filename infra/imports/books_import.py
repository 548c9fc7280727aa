"""Imports a books plan: products, and copies where they are asked for; waits until the read models show them."""

import httpx

from infra.imports.books import BooksPlan
from infra.imports.books_commands import products, receipt_key, receipts
from infra.imports.known import known
from infra.imports.progress import ImportProgress
from infra.imports.report import Outcome
from infra.imports.sending import Phase, Sending
from infra.imports.settled import caught_up
from infra.settings import Settings


async def import_books(
    plan: BooksPlan, settings: Settings, progress: ImportProgress, *, pence: int, copies: int, wait: bool
) -> Outcome:
    """What became of the commands. `copies` 0: nothing is received. Raises `ImportStopped`."""
    async with httpx.AsyncClient(trust_env=False) as http:
        sending = Sending(http, settings, progress)
        await sending.send(Phase("products", list(products(plan, pence))))
        if copies:
            await caught_up(http, settings, progress.say)
            there = await known(settings.dsn, [receipt_key(sku) for sku in plan.books], [])
            await sending.send(Phase("receipts", list(receipts(plan, copies, there.references))))
            sending.outcome.of("receipts").already_there += len(there.references)
        if wait:
            progress.phase("settling", 0)
            await caught_up(http, settings, progress.say)
        return sending.outcome
