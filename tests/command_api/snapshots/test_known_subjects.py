"""The set of known aggregates: never a wrong no, hardly a wrong yes, and damage is noticed."""

from hashlib import blake2b
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_api.snapshots import known_subjects
from command_api.snapshots.known_subjects import FIRST, WRONGLY, KnownSubjects, Unreadable

SUBJECTS = st.text(st.characters(codec="utf-8"), max_size=50)


@given(st.lists(st.sets(SUBJECTS, max_size=60), max_size=6), st.booleans())
def test_what_was_added_is_known_for_ever(portions: list[set[str]], kept: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_subjects, "FIRST", 4)  # so that a few subjects make a chain
        known, added = KnownSubjects(), set[str]()
        for portion in portions:
            known.update(portion)
            added |= portion
            assert all(subject in known for subject in added)
            assert len(known) == len(added)
            if kept:
                known = KnownSubjects.from_bytes(known.to_bytes())


def test_nothing_is_known_at_first() -> None:
    known = KnownSubjects()
    assert "a" not in known
    assert (len(known), known.size) == (0, 0)
    assert "a" not in KnownSubjects.from_bytes(known.to_bytes())


def test_a_subject_counts_once() -> None:
    known = KnownSubjects()
    known.add("a")
    known.update(["a", "b", "a"])
    assert len(known) == 2


def test_each_filter_is_twice_as_large_as_the_one_before() -> None:
    known, sizes = KnownSubjects(), []
    for n in range(7 * FIRST + 1):
        known.add(f"subject-{n}")
        if n in (0, FIRST, 3 * FIRST, 7 * FIRST):
            sizes.append(known.size)
    steps = [after - before for before, after in pairwise([0, *sizes])]
    # Some bits an id more from filter to filter, since each errs less.
    assert all(2.0 < after / before < 2.15 for before, after in pairwise(steps))
    assert known.size / (15 * FIRST) < 7


def test_of_a_million_strangers_none_is_taken_for_known() -> None:
    known = KnownSubjects()
    known.update(f"order-{n}" for n in range(3 * FIRST))  # two filters, both full: the worst case
    wrong = sum(f"other-{n}" in known for n in range(1_000_000))
    assert wrong <= 1_000_000 * WRONGLY * 1_000


def test_bytes_tell_how_many_and_whom() -> None:
    known = KnownSubjects()
    known.update(f"subject-{n}" for n in range(FIRST + 100))
    again = KnownSubjects.from_bytes(known.to_bytes())
    assert len(again) == FIRST + 100
    assert again.size == known.size
    assert again.to_bytes() == known.to_bytes()
    again.add("one more")
    assert ("one more" in again, "one more" in known) == (True, False)


def test_it_is_the_same_on_every_machine_and_in_every_version() -> None:
    """Another digest means that stored filters deny what they hold: `_FORMAT` has to change with it."""
    known = KnownSubjects()
    known.update(f"subject-{n}" for n in range(100))
    assert blake2b(known.to_bytes(), digest_size=8).hexdigest() == "60cfbed94b63f5bc"


@given(st.data())
def test_damage_is_noticed(data: st.DataObject) -> None:
    whole = _BYTES
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(changed), whole[:place], whole + b"\0", whole[place + 1 :]):
        with pytest.raises(ValueError):  # noqa: PT011  whichever of the checks it is
            KnownSubjects.from_bytes(damaged)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "cut off"),
        (b"KS0\n\0\0\0\0", "another format"),
        (b"KS1\n\0\0\0\0more", "another format"),
        (b"KS1\n\1\0\0\0", "cut off"),
        (b"KS1\n\1\0\0\0" + bytes(16), "another format"),
    ],
)
def test_bytes_of_another_kind_are_refused(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        KnownSubjects.from_bytes(content + blake2b(content, digest_size=8).digest())


def test_a_filter_whose_bits_lie_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    known = KnownSubjects()
    known.update(f"subject-{n}" for n in range(FIRST))
    stored = known.to_bytes()
    monkeypatch.setattr(known_subjects, "_PROOFS", (12345,))  # what another way of hashing would look for
    with pytest.raises(Unreadable, match="another way"):
        KnownSubjects.from_bytes(stored)


_KNOWN = KnownSubjects()
_KNOWN.update(f"subject-{n}" for n in range(50))
_BYTES = _KNOWN.to_bytes()
