"""What an exception says in words."""

import pytest
from aiokafka.errors import KafkaConnectionError

from infra.launcher.program import NotReady
from infra.reason import reason
from infra.servers.database import make_ready
from infra.settings import Settings
from tests.support.cable import cable_to_postgres


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TimeoutError(), "TimeoutError"),
        (OSError("gone"), "OSError: gone"),
        (KafkaConnectionError("nobody"), "KafkaConnectionError: nobody"),
    ],
)
def test_a_reason_is_never_empty_and_names_its_kind_once(error: Exception, told: str) -> None:
    assert reason(error) == told


async def test_a_postgresql_that_hangs_is_told_with_a_reason(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.servers.database.SECONDS", 0.2)
    async with cable_to_postgres(settings) as (cable, through):
        cable.freeze()
        with pytest.raises(NotReady, match=r"PostgreSQL: TimeoutError$"):
            await make_ready(through.dsn)
