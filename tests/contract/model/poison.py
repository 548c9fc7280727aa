"""An event that nobody can read, in the log from the beginning: its aggregate takes no command, whoever owns it."""

from datetime import UTC, datetime

from command_api.fence.fence import control
from command_api.intent import Intent
from command_api.writer.aggregate import Versioned
from command_api.writer.records import outgoing
from domain.stock_commands import ReceiveStock
from domain.stock_item import STOCK_ITEM
from event_schemas.holder import CLAIMED, Holder
from tests.contract.memory_log import SharedLog
from tests.contract.model.client import QUARANTINED
from tests.contract.model.world import EPOCH


def poison(log: SharedLog) -> None:
    """Begin a log with such an event, under a claim of somebody who is gone."""
    gone, command = Holder(1, "gone"), ReceiveStock(sku=QUARANTINED, quantity=1)
    intent = Intent(command, "poison", "poison", "user:model", "poison", "poison")
    events = tuple(STOCK_ITEM.decide(STOCK_ITEM.initial, command))
    (event,) = outgoing(intent, events, Versioned(0, STOCK_ITEM.initial), gone, datetime.fromtimestamp(EPOCH, UTC))
    log.land([control(CLAIMED, gone), event._replace(value=b"{")])
