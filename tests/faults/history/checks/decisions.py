"""Each decision is right for a state that the aggregate can have had while the client waited for it.

An effect shows itself what it was decided on. A refusal leaves nothing in the log: it must be right at some version
between the highest that was known before it was asked and the highest that can have been reached by its answer.
"""

from collections.abc import Iterator

from tests.faults.history.evidence import Evidence, Violation
from tests.faults.history.operation import Answer, JsonObject, Operation, Outcome
from tests.faults.history.states import States

REFUSALS = "a refusal is right for a state of that time"
NO_CHANGE = "what changed nothing had nothing to change"
SURPRISES = "no answer but those that are expected"

TRANSIENT = frozenset(
    {
        "not_sent",
        "partition_unavailable",
        "misdirected",
        "overloaded",
        "starting",
        "catalog_behind",
        "product_not_found",
        "request_in_progress",
    }
)
"""Codes that say: nothing happened, come again. All products of the load are there before it begins, but an instance's
copy of the catalog may be behind."""


def check(evidence: Evidence, states: States) -> Iterator[Violation]:
    """Yield what contradicts these rules."""
    for operation in evidence.history:
        request, answer = operation.request, operation.answer
        if operation.outcome is Outcome.FAIL and operation.code not in TRANSIENT:
            right = _refusal_is_right(operation, evidence.window(operation), states)
            if right is None:
                yield Violation(SURPRISES, f"{request.kind} {request.key}: {operation.status} {operation.code}")
            elif not right:
                window = evidence.window(operation)
                between = f"versions {window.start} to {window.stop - 1}"
                what = f"{request.kind} {request.key}: {operation.code} {operation.facts} is wrong at {between}"
                yield Violation(REFUSALS, what)
        elif answer is not None and not answer.effect and not _nothing_to_change(request.content, answer, states):
            what = f"{request.kind} {request.key} on {answer.subject} at version {answer.version}"
            yield Violation(NO_CHANGE, what)


def _refusal_is_right(operation: Operation, window: range, states: States) -> bool | None:
    """Whether some version allows the refusal; None for a refusal that nothing in the load can cause."""
    request, subject = operation.request, operation.request.subject
    content, facts = request.content, operation.facts
    match operation.code:
        case "version_conflict":
            told = facts.get("current_version")
            versions = window if told is None else [told] if told in window else []
            return any(version != request.expected for version in versions)
        case "insufficient_stock":
            ledger, warehouse = states.ledger(subject), content.get("warehouse_id", "MAIN")
            told = facts.get("available")
            levels = (ledger.level_at(warehouse, version) for version in window)
            available = (on_hand - reserved for on_hand, reserved in levels)
            return any(has + content["delta"] < 0 and told in {None, has} for has in available)
        case "order_not_found":
            return window.start == 0
        case "order_closed":
            # A cancelled order is cancelled again without effect, and a rejected one is rejected so.
            settled = {"REJECTED"} if request.kind == "CancelOrder" else {"CANCELLED", "CONFIRMED"}
            closed = {"EXPIRED", *settled}
            return any(states.order(subject).status_at(version) in closed for version in window)
        case "reservation_not_found":
            ledger, reservation = states.ledger(subject), content["reservation_id"]
            return any(
                not ledger.open_at(reservation, version) and not ledger.closed_at(reservation, version)
                for version in window
            )
        case _:
            return None


def _nothing_to_change(content: JsonObject, answer: Answer, states: States) -> bool:
    subject, version = answer.subject, answer.version
    ledger, order = states.ledger(subject), states.order(subject)
    reservation = content.get("reservation_id", "")
    match content["type"]:
        case "ReserveStock":
            return ledger.open_at(reservation, version) or ledger.closed_at(reservation, version)
        case "ReleaseReservation" | "ShipReserved":
            return ledger.closed_at(reservation, version)
        case "CountStock":
            on_hand, _ = ledger.level_at(content.get("warehouse_id", "MAIN"), version)
            return bool(on_hand == content["counted_quantity"])
        case "CancelOrder":
            return order.status_at(version) == "CANCELLED"
        case "RejectOrder":
            return order.status_at(version) == "REJECTED"
        case "ChangePrice":
            return (
                subject in states.prices and states.prices[subject].price_at(version) == content["new_price"]["amount"]
            )
        case "PlaceOrder" | "AddProduct":
            return version > 0
        case _:
            return False
