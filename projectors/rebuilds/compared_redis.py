"""The comparison of a filled generation in Redis with the one that serves, which is held back for it now and then."""

import asyncio
from collections.abc import Sequence

from infra.log_reader import LogReader
from projectors.rebuilds.compare import LOST_BY_LOG, Comparison, TableCompared
from projectors.rebuilds.compare_redis import SHOWN_KEYS, compare, names_of
from projectors.rebuilds.followed_redis import FollowedInRedis, offsets
from projectors.rebuilds.wait import NOT_HELD, PAUSE_SECONDS, TRIES, Patience, wait_for_serving
from projectors.stores import redis_keys as names
from projectors.stores.redis_answer import ANSWER_SECONDS
from projectors.stores.redis_positions import fault_in, fields_of
from projectors.stores.store import ParkedKeys


class ComparedInRedis(FollowedInRedis):
    """A generation that is being filled in Redis, compared with the one that serves."""

    async def sizes(self, beyond: Sequence[int]) -> Comparison:
        """Of both generations, where the serving one is ``beyond`` the log's end in these partitions."""
        return (await self._comparison([], LOST_BY_LOG))._replace(skipped=True, beyond=beyond)

    async def compare(self, reader: LogReader, parked: ParkedKeys, patience: Patience) -> Comparison:
        """Compare with the serving generation, some keys after the others: that is held back for a second at a time,
        and each key is compared where both stand at the same positions.

        ``reader`` stands at the filled generation's positions. Raises ``TimeoutError`` when a server does not answer.
        """
        new, served = self.prefixes
        if fault := fault_in(await fields_of(self._redis, served), self._begun.serving_version):
            return await self._comparison([], f"the serving generation {fault}")
        filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
        waited = await wait_for_serving(self.served, filled, self.lives, patience)
        if waited.why:
            return (await self._comparison([], waited.why))._replace(skipped=waited.skipped)
        keys = await names_of(self._redis, served, new)
        found: list[TableCompared] = []
        done = tries = 0
        while tries < TRIES:
            parked = await self.catch_up(reader.exactly, parked)  # what came meanwhile, before anybody is held back
            async with asyncio.timeout(ANSWER_SECONDS) as bound:

                async def renew(bound: asyncio.Timeout = bound) -> None:
                    """Hold on; what is read until the next time has ``ANSWER_SECONDS`` again."""
                    await self.hold()
                    bound.reschedule(asyncio.get_running_loop().time() + ANSWER_SECONDS)

                await renew()
                parked = await self.catch_up(reader.exactly, parked)
                before = await fields_of(self._redis, served)
                differ, compared = await compare(self._redis, served, new, keys[done:], renew)
                after = await fields_of(self._redis, served)
                await self._redis.delete(names.switching_key(self._projection.name))
            filled = {partition: one.next_offset for (_, partition), one in reader.positions.items()}
            if before == after and offsets(before) == filled:
                found, done, tries = found + differ, done + compared, 0
                if done == len(keys):
                    return await self._comparison(found, "")
                if len(found) > SHOWN_KEYS:
                    why = f"{done:,} of {len(keys):,} keys, since so many differ"
                    return await self._comparison(found[:SHOWN_KEYS], why)
                patience.says(f"comparing, {done:,} of {len(keys):,} keys")
            else:
                tries += 1
                patience.says(f"{NOT_HELD}, trying again")
            await asyncio.sleep(PAUSE_SECONDS)
        return (await self._comparison([], NOT_HELD))._replace(skipped=True)

    async def _comparison(self, differences: Sequence[TableCompared], incomplete: str) -> Comparison:
        parked = [await self._redis.hlen(f"{prefix}parked") for prefix in reversed(self.prefixes)]
        version, unparked = self._projection.version, await self.unparked()
        return Comparison(self._begun, version, differences, (parked[0], parked[1]), unparked, incomplete)
