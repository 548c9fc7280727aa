"""Two workers of the streams over real servers: they share, take over, and a zombie changes nothing."""

import signal
from functools import partial

from projectors.streams.process import FAILED
from tests.streams.conftest import PARTITIONS, Streams
from tests.streams.shop import Shop
from tests.support.poll import until


async def test_two_workers_share_the_partitions_and_one_takes_over_from_the_other(streams: Streams) -> None:
    shop = Shop(7)
    await streams.start(0)
    await streams.start(1)
    await until(partial(shares, streams), lambda found: found == [1, 1], 60)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(200))
    await streams.end(number=1)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(200))
    await streams.caught_up()
    await shop.equals(streams)


async def test_a_worker_that_was_paused_while_another_took_over_ends_itself_and_changes_nothing(
    streams: Streams,
) -> None:
    shop = Shop(8)
    await streams.start(0)
    await streams.start(1)
    await until(partial(shares, streams), lambda found: found == [1, 1], 60)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    streams.send(signal.SIGSTOP, 0)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    await streams.caught_up()
    await shop.equals(streams)
    streams.send(signal.SIGCONT, 0)
    assert await streams.ended(0) == FAILED
    await streams.start(0)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    await streams.caught_up()
    await streams.end(number=1)
    for partition in range(PARTITIONS):
        await streams.append(partition, shop.orders(500))
    await streams.caught_up()
    await shop.equals(streams)


async def shares(streams: Streams) -> list[int]:
    """How many partitions each of two workers has."""
    found = [await streams.get("/positions", number) for number in (0, 1)]
    return [len(body["partitions"]) if status == 200 else 0 for status, body in found]
