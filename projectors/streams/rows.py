"""How a shard lies in Faust's table, as bytes: one row a product and kind, and one for the position. Pure.

Faust keeps the rows of all partitions in one dictionary, so the partition is part of the key.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from event_schemas.holder import Holder
from infra.log_batch import Position
from projectors.streams.pairs import Partners
from projectors.streams.shard import Shard
from projectors.streams.windows import Sold

POSITION, SOLD, PARTNERS = "position", "sold", "with"


class Row(NamedTuple):
    """A change of the table. Without a value the row is removed."""

    key: bytes
    value: bytes | None


def changed(partition: int, shard: Shard, sold: Iterable[str], partners: Iterable[str]) -> list[Row]:
    """The rows of these products as they are now, and the position behind them.

    The position is always last: it must never be ahead of a row, and the newest record of a compacted topic, for which
    Faust's recovery waits, must never be one that compaction takes away.
    """
    rows = [_row(partition, SOLD, product, shard.sold.get(product)) for product in sold]
    rows += [_row(partition, PARTNERS, product, shard.partners[product]) for product in partners]
    next_offset, holder = shard.position
    # Only where there are any: releases of before these were kept read a position of five values.
    lacks = (shard.undecodable, shard.undecodable_at) if shard.undecodable else ()
    position = [next_offset, holder.epoch, holder.writer, shard.appended_ms, shard.void, *lacks]
    return [*rows, Row(_key(partition, POSITION, ""), orjson.dumps(position))]


def load(rows: Mapping[bytes, bytes], shards: dict[int, Shard]) -> None:
    """Put stored rows into the shards of their partitions, which are made as they are needed."""
    for key, value in rows.items():
        partition, kind, product = key.decode().split("|", 2)
        shard = shards.setdefault(int(partition), Shard())
        dumped = orjson.loads(value)
        if kind == SOLD:
            shard.sold[product] = Sold.load(dumped)
        elif kind == PARTNERS:
            shard.partners[product] = Partners.load(dumped)
        else:
            next_offset, epoch, writer, shard.appended_ms, shard.void, *lacks = dumped
            shard.undecodable, shard.undecodable_at = lacks or (0, None)
            shard.position = Position(next_offset, Holder(epoch, writer))


def _row(partition: int, kind: str, product: str, row: Sold | Partners | None) -> Row:
    return Row(_key(partition, kind, product), None if row is None else orjson.dumps(row.dump()))


def _key(partition: int, kind: str, product: str) -> bytes:
    return f"{partition}|{kind}|{product}".encode()
