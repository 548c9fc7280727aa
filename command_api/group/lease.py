"""Proof that nobody else has been given this member's shards: the lease of the log's fence."""

import time

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""A clock that goes on while the process is stopped (SIGSTOP), as every monotonic one does, and where possible also
while the machine sleeps: CLOCK_MONOTONIC stands still then on Linux, and the lease with it."""
MARGIN_SECONDS = 1.0
"""Left for clocks that run at other rates, and for what is done between the look at the lease and the answer."""


def now() -> float:
    """Seconds on the lease's clock."""
    return time.clock_gettime(CLOCK)


class Lease:
    """Valid for the group's session time-out less a second after the *sending* of the last request that the coordinator
    answered with success, and never from the sending of a JoinGroup until its assignment is here.

    **Claim.** While member A's lease is valid, the coordinator has told no other member of an assignment of A's shards.

    **Proof.** Let A's assignment be of generation g, and s the moment when A sent the renewing request: a heartbeat, or
    the JoinGroup that led to g. The coordinator handled it at p ≥ s, and either found A in generation g with no
    rebalance begun, or opened g later: a heartbeat that meets a rebalance is answered REBALANCE_IN_PROGRESS, one of an
    older generation ILLEGAL_GENERATION, and neither renews. Others get A's shards only in a generation after g. The
    rebalance that leads there began at r ≥ p, and the coordinator ends it only when, for A, one of these has happened:

    1. A has joined again. A's lease ended before it sent that JoinGroup.
    2. A's session has run out: not before p + session. What A sent later can only have put it off.
    3. The rebalance time-out has run out: not before r + rebalance time-out ≥ p + session, as the rebalance time-out is
       not below the session time-out. (A static member stays in the group then, but its shards may move.)
    4. A has left. Its lease ended before it sent LeaveGroup.

    So a later generation needs A's lease ended, or a moment ≥ s + session; the lease ends a second before that. A
    process that is stopped, or whose event loop is blocked, renews nothing, and when it goes on, so has the clock. ∎

    **What a writer makes of it.** Others may have been told in earlier generations, and be late. So a writer claims
    only under a lease, looked at when it makes the claim, and answers without an append only in the term (the lease of
    one assignment) in which it made the claim that it holds by. Let A have made that claim in term T, which lasts.
    Another member B was told in an earlier generation, so B's lease ended before T began, and B made its claims before
    A made this one: with epochs at most one above what lay in the log then. A's claim took hold, so its epoch is above
    all that lay before it; a claim of B that lands later is not higher, and void. So nobody has held the partition
    since, and A's memory is the newest state. ∎

    **What it rests on.** (a) One process at a time uses an instance id: the coordinator gives a newcomer under the same
    id its predecessor's shards at once, while the predecessor's lease lasts to its next heartbeat. Whoever starts
    instances must see the old one dead first. (b) Nobody removes members by hand. (c) The coordinator that answers is
    the one: a broker that is cut off from its controller but not from us answers heartbeats as before while another
    coordinator expels us. Where these fail, a refusal may be stale for as long as that lasts. What is appended never
    depends on the lease: there the log's fence alone decides.
    """

    def __init__(self, session_seconds: float) -> None:
        self._seconds = session_seconds - MARGIN_SECONDS
        self._sent: float | None = None
        self._terms = 0

    def valid(self) -> bool:
        """True while the claim above holds."""
        return self._sent is not None and now() - self._sent < self._seconds

    def term(self) -> int:
        """While the claim above holds the number of the assignment that it holds for, 1 or more; 0 otherwise."""
        return self._terms if self.valid() else 0

    def begin(self, sent: float) -> None:
        """An assignment is here; the JoinGroup that led to it was sent at ``sent``."""
        self._sent = sent
        self._terms += 1

    def renew(self, sent: float) -> None:
        """A heartbeat that was sent at ``sent`` has succeeded. Without an assignment it renews nothing."""
        if self._sent is not None:
            self._sent = max(self._sent, sent)

    def end(self) -> None:
        """No lease from now on, until the next assignment."""
        self._sent = None
