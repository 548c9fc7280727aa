"""The header Prefer: which waits are understood, ignored, refused."""

import pytest

from infra.http.prefer import BadPrefer, wait_seconds


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5.0),
        ("wait=0.25", 0.25),
        ("respond-async, wait=7", 7.0),
        ('Wait = "3"', 3.0),
        ("wait=4; foo=bar", 4.0),
        ("wait=0", 0.0),
        ("wait=30", 30.0),
        ("await=4", None),
        ("waiting=long", None),
    ],
)
def test_prefer_says_how_long_to_wait(prefer: str | None, seconds: float | None) -> None:
    assert wait_seconds(prefer) == seconds


@pytest.mark.parametrize("prefer", ["wait", "wait=", "wait=abc", "wait=-1", "wait=31", 'wait="3', "wait=1e1", "wait=٣"])
def test_a_wait_that_cannot_be_given_is_refused(prefer: str) -> None:
    with pytest.raises(BadPrefer):
        wait_seconds(prefer)
