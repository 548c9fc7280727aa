"""One member as a process, which tells on standard output of each assignment and of each look at its lease.

Moments are those of the lease's clock, which all processes of a machine share.
"""

import asyncio
import json
import sys

import uvloop

from command_api.group.lease import now
from command_api.group.membership import Membership
from command_api.group.routing import Routing
from infra.logs import configure_logging
from tests.command_api.group.members import PARTITIONS

LOOK_SECONDS = 0.02


async def main(bootstrap_servers: str, topics: str, group_id: str, name: str) -> None:
    """Be a member until killed."""
    member = Membership(
        bootstrap_servers, topics.split(","), PARTITIONS, f"http://{name}:8001", f"http://{name}", group_id
    )

    def assigned(routing: Routing) -> None:
        tell(at=now(), generation=routing.generation, mine=sorted(routing.mine))

    member.on_change.append(assigned)
    running = asyncio.create_task(member.run())
    while not running.done():
        # The moment is taken before the look: what another was told earlier than that was told before the look.
        tell(at=now(), valid=member.lease_valid(), generation=member.routing.generation)
        await asyncio.wait({running}, timeout=LOOK_SECONDS)
    running.result()


def tell(**fields: object) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    configure_logging("ERROR")
    uvloop.run(main(*sys.argv[1:]))
