"""What a campaign found, as figures: for the terminal, and for `benchmarks/results/campaign.json`."""

from collections import defaultdict
from statistics import median

from benchmarks.figures import Figure, Section
from tests.faults.campaign.campaign import RESUME_SECONDS, Found, Struck
from tests.faults.history.checks import acknowledgements, versions

LOST = {acknowledgements.ACKNOWLEDGED}
DOUBLED = {acknowledgements.ONE_EFFECT, acknowledgements.SAME_ANSWER}
FORKED = {versions.DENSE, versions.EXPECTED, versions.REAL_TIME}


def sections(found: Found) -> list[Section]:
    """The tables of a campaign."""
    analysis = found.analysis
    return [
        Section(
            "operations",
            [
                Figure("commands acknowledged", analysis.acknowledged),
                Figure("sendings acknowledged, repeats too", analysis.sendings["ok"]),
                Figure("sendings refused", analysis.sendings["fail"]),
                Figure("sendings without a known end", analysis.sendings["info"]),
                Figure("reads with a token", analysis.reads),
                Figure("duration", round(found.seconds, 1), "s"),
            ],
        ),
        Section("invariants", _invariants(found)),
        Section(
            "the log",
            [
                Figure("events", analysis.events),
                Figure("take-overs (claims that took hold)", analysis.claims),
                Figure("void records, of writers that were outdated", analysis.void),
                Figure("gaps that they made", analysis.gaps),
            ],
        ),
        Section(f"{len(found.struck)} faults", _faults(found.struck)),
        Section(
            "time",
            [
                Figure("longest stall of a partition", round(max((s.stall for s in found.struck), default=0), 2), "s"),
                Figure("last fault healed to acknowledgements on every partition",
                       round(max(found.resumed.values()), 2), "s", RESUME_SECONDS),
                Figure("the same after each fault, longest",
                       round(max((s.resumed for s in found.struck), default=0), 2), "s", RESUME_SECONDS),
            ],
        ),
    ]  # fmt: skip


def _invariants(found: Found) -> list[Figure]:
    broken = found.analysis.broken
    counted = {"lost": LOST, "doubled": DOUBLED, "forked": FORKED}
    others = sum(broken.values()) - sum(broken.get(rule, 0) for rules in counted.values() for rule in rules)
    return [
        *(Figure(name, sum(broken.get(rule, 0) for rule in rules), "violations", 0) for name, rules in counted.items()),
        Figure("others broken", others, "violations", 0),
        Figure("every invariant holds", not broken),
    ]


def _faults(struck: list[Struck]) -> list[Figure]:
    by_kind = defaultdict(list)
    for one in struck:
        by_kind[one.fault.kind].append(one)
    return [
        Figure(f"{kind.value}: {len(ones)} times, stall p50 {median(one.stall for one in ones):.2f} s, longest",
               round(max(one.stall for one in ones), 2), "s")
        for kind, ones in sorted(by_kind.items())
    ]  # fmt: skip
