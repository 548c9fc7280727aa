"""Imports a retail plan: looks what is there already, sends what is missing, waits until it has settled."""

import httpx

from infra.imports.known import known
from infra.imports.progress import ImportProgress
from infra.imports.report import Outcome
from infra.imports.retail import RetailPlan
from infra.imports.retail_commands import orders_and_write_offs, products, receipt_parts, receipts, write_off_key
from infra.imports.sending import Phase, Sending
from infra.imports.settled import caught_up, settled
from infra.settings import Settings


async def import_retail(
    plan: RetailPlan, digest: str, settings: Settings, progress: ImportProgress, *, wait: bool
) -> tuple[Outcome, dict[str, int]]:
    """What became of the commands, and the imported orders per status (empty without `wait`). Raises `ImportStopped`.

    `digest` names the file. The command API recognises a repeated order for ever, but forgets the keys of receipts and
    write-offs; so those that an earlier run has carried out are found by their references and left out.
    """
    off_keys = {write_off_key(off.invoice, off.row): (off.invoice, off.row) for off in plan.write_offs}
    every_receipt = receipt_parts(plan.receipts(), digest)
    async with httpx.AsyncClient(trust_env=False) as http:
        await caught_up(http, settings, progress.say)
        there = await known(
            settings.dsn,
            {*every_receipt, *off_keys},
            [(order.number, order.at) for order in plan.orders.values()],
        )
        known_offs = {off_keys[key] for key in there.references & off_keys.keys()}
        parts = receipt_parts(plan.receipts(there.orders, known_offs), digest)
        missing = {key: part for key, part in parts.items() if key not in there.references}
        sending = Sending(http, settings, progress)
        await sending.send(Phase("products", list(products(plan))))
        await sending.send(Phase("receipts", list(receipts(plan, missing))))
        sending.outcome.of("receipts").already_there += len(every_receipt) - len(missing)
        await sending.send(Phase("orders", list(orders_and_write_offs(plan, there.references))))
        sending.outcome.of("adjustments").already_there += len(known_offs)
        if not wait:
            return sending.outcome, {}
        progress.phase("settling", 0)
        return sending.outcome, await settled(http, settings, plan.orders, progress.say)
