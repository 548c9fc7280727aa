"""The golden examples as histories: each example, of every version ever shipped, ends a story of its own.

A story begins as its aggregate does: an order is placed, goods are received and promised, a product is added. Ids are
made unique to the story, so that all stories can lie in one log.
"""

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

from event_schemas.event import REGISTRY
from event_schemas.generate import GOLDEN, golden

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BEGINNINGS = {
    "record": ("record.voided.v1",),
    "product": ("product.added.v1",),
    "order": ("order.placed.v1",),
    "stock": ("stock.received.v1", "stock.reserved.v1"),
}


class Shipped(NamedTuple):
    """An event as it was written when its version was the newest."""

    wire_type: str
    subject: str
    value: bytes

    @property
    def topic(self) -> str:
        """Topic that it lies in."""
        return REGISTRY[self.wire_type.rpartition(".v")[0]].topic


def stories() -> Iterator[tuple[str, list[Shipped]]]:
    """Every story under the name of its example, as ``order.placed.v1-2``."""
    for path in sorted(GOLDEN.glob("*.json")):
        for number, _ in enumerate(golden(path.stem)):
            name = f"{path.stem}-{number + 1}"
            beginning = _BEGINNINGS[path.stem.partition(".")[0]]
            told = [] if path.stem in beginning[:1] else [(kind, 0) for kind in beginning if kind != path.stem]
            yield name, [_shipped(kind, which, name) for kind, which in [*told, (path.stem, number)]]


def _shipped(wire_type: str, number: int, story: str) -> Shipped:
    told = json.loads(_UUID.sub(lambda found: f"{found[0]}~{story}", json.dumps(golden(wire_type)[number]["value"])))
    if "sku" in told and wire_type.startswith("stock."):
        told["sku"] = f"{told['sku']}~{story}"
    return Shipped(wire_type, next(iter(told.values())), json.dumps(told).encode())
