"""What a server that is away raises is tried again, with each failure told once; anything else is raised at once."""

import pytest

from projectors.back_off import until_there


async def test_each_failure_is_told_once_and_the_call_is_made_once_for_each_try() -> None:
    failures = [OSError("first"), TimeoutError("second")]
    told, calls = list[str](), 0

    async def call() -> int:
        nonlocal calls
        calls += 1
        if failures:
            raise failures.pop(0)
        return 7

    assert await until_there("it", call, lambda error: told.append(str(error))) == 7
    assert (told, calls) == (["first", "second"], 3)


async def test_what_no_server_raises_is_raised_at_once_also_after_a_failure() -> None:
    failures: list[Exception] = [OSError("away"), ValueError("wrong")]

    async def call() -> None:
        raise failures.pop(0)

    with pytest.raises(ValueError, match="wrong"):
        await until_there("it", call)
    assert failures == []
