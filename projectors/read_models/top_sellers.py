"""Read model `top_sellers` in Redis: sorted sets of pieces sold per product, of all time and of each UTC day.

Keys: `top:sale:all` and `top:sale:day:YYYYMMDD`; member = product id, score = pieces. Names are joined when asked.
A score is the exact sum, whatever the order: below 0 where a confirmation was given up and its cancellation was not.
Queries leave those out.
"""

from collections.abc import Sequence

from event_schemas.record import Recorded
from event_schemas.topics import ORDERS
from projectors.projection import Projection, RedisCommand
from projectors.read_models.sales import sold

ALL = "top:sale:all"
DAY = "top:sale:day:"


def apply(events: Sequence[Recorded]) -> list[RedisCommand]:
    """One increment per key and product for the whole batch, then the removal of who came to exactly nothing."""
    scores: dict[tuple[str, str], int] = {}
    for _, day, sign, lines in sold(events):
        keys = (ALL, f"{DAY}{day:%Y%m%d}")
        for line in lines:
            for key in keys:
                member = (key, line.product_id)
                scores[member] = scores.get(member, 0) + sign * line.quantity
    changed = {place: score for place, score in scores.items() if score}
    commands = [RedisCommand(("ZINCRBY", key, score, member)) for (key, member), score in changed.items()]
    sets = dict.fromkeys(key for key, _ in changed)
    return commands + [RedisCommand(("ZREMRANGEBYSCORE", key, 0, 0)) for key in sets]


PROJECTION = Projection(
    name="top_sellers",
    version=1,
    topic=ORDERS.name,
    store="redis",
    tables=("top",),
    ddl="",
    keys="",
    indexes="",
    apply=apply,
)
"""Top sellers, all time and per day."""
