"""The query API's own leaves of the error tree in `infra/http/problems.py`.

BadRequest
├── BadCursor               400 bad_cursor
└── CursorWithOffset        400 cursor_with_offset
NotFound
├── ProductNotFound         404 product_not_found
├── SkuNotFound             404 sku_not_found
├── OrderNotFound           404 order_not_found
├── VersionNotReached       404 version_not_reached
├── VersionParked           404 version_parked
├── VersionDropped          404 version_dropped
└── NothingRecorded         404 nothing_recorded
Conflict
└── OrderNumberShared       409 order_number_shared
ValidationFailed
└── HistoryTooLong          422 history_too_long
Unavailable
├── ProjectionLagging       503 projection_lagging
├── ProjectionMissing       503 projection_missing
├── EventUnreadable         503 event_unreadable
└── QueryTimeout            503 query_timeout
"""

from infra.http.problems import BadRequest, Conflict, NotFound, Unavailable, ValidationFailed


class BadCursor(BadRequest):
    """The cursor is damaged, or was given for another path, filter or order."""

    code, title = "bad_cursor", "The cursor does not belong to this query"


class CursorWithOffset(BadRequest):
    """A page is found by a cursor or by an offset, not by both."""

    code, title = "cursor_with_offset", "A cursor and an offset exclude each other"


class ProductNotFound(NotFound):
    """No product has this id (yet)."""

    code, title = "product_not_found", "There is no such product"


class SkuNotFound(NotFound):
    """No product and no ledger has this SKU (yet)."""

    code, title = "sku_not_found", "There is no such SKU"


class OrderNotFound(NotFound):
    """No order has this id (yet)."""

    code, title = "order_not_found", "There is no such order"


class VersionNotReached(NotFound):
    """The aggregate has not come to this version (yet); `newest` is the one that it has come to."""

    code, title = "version_not_reached", "It has not come to this version"


class VersionParked(NotFound):
    """The aggregate came to this version, but the read model `projection` could not take its event in: it waits at
    `place` for a fix and `./stockroom dlq retry`, or behind one that does."""

    code, title = "version_parked", "The event of this version is parked"


class VersionDropped(NotFound):
    """The aggregate came to this version, but an operator, `dropped_by`, has given its event at `place` up for the read
    model `projection`, for `reason`."""

    code, title = "version_dropped", "The event of this version was dropped"


class NothingRecorded(NotFound):
    """No event has this subject (yet)."""

    code, title = "nothing_recorded", "Nothing is recorded of it"


class OrderNumberShared(Conflict):
    """Several orders have this number; `order_ids` names them, the latest first, ten at most."""

    code, title = "order_number_shared", "Several orders have this number"


class HistoryTooLong(ValidationFailed):
    """So many events lead to that state that they are not folded for one answer."""

    code, title = "history_too_long", "Its history is too long"


class ProjectionLagging(Unavailable):
    """A read model did not reach the position of a Consistency-Token within the time to wait."""

    code, title = "projection_lagging", "The read model is not that far yet"


class ProjectionMissing(Unavailable):
    """The read model's tables do not exist: the projectors have never run against this store."""

    code, title = "projection_missing", "The read model does not exist yet"
    retry_after = 2


class EventUnreadable(Unavailable):
    """An event that leads to the answer is of a type or version that this release does not know: a newer one does."""

    code, title = "event_unreadable", "This release cannot read an event that leads to it"
    retry_after = 60


class QueryTimeout(Unavailable):
    """The database did not finish the query in time."""

    code, title = "query_timeout", "The query took too long"
    retry_after = 2
