"""`./stockroom rebuild` in a terminal: Ctrl-C leaves it where it stands and says so; a person is told in words."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer

from infra.settings import REPOSITORY, Settings
from projectors.rebuilds.bulk_processes import run_workers
from projectors.rebuilds.bulk_worker import Share
from tests.support.poll import until

WORDS = """
import structlog
from infra.logs import {how} as configure
configure("INFO")
structlog.get_logger().warning("a server is away", what="PostgreSQL", attempt=3)
"""


async def _ended(*command: str) -> tuple[str, str]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return out.decode(), err.decode()


async def test_log_lines_are_words_for_a_person_and_leave_standard_output_to_an_answer() -> None:
    said, _ = await _ended(sys.executable, "-c", WORDS.format(how="configure_words"))
    assert [part in said for part in ("[warning", "a server is away", "attempt=3")] == [True, True, True]
    assert "{" not in said
    out, err = await _ended(sys.executable, "-c", WORDS.format(how="configure_beside_answer"))
    assert (out, err[0]) == ("", "{")


def _with_ctrl_c() -> None:
    """Whatever runs the tests in the background ignores it, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("options", [[], ["--json"]])
async def test_ctrl_c_leaves_a_rebuild_where_it_stands_and_says_so(own: Settings, options: Sequence[str]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own.bootstrap_servers)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send("orders", b"{}", partition=0) for _ in range(200)])
    finally:
        await producer.stop()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "projectors", "rebuild", "sales", "--rate", "1", *options),
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "STOCKROOM_POSTGRES_DSN": own.dsn},
        preexec_fn=_with_ctrl_c,
    )
    connection = await asyncpg.connect(own.dsn)

    async def started() -> bool:
        try:
            return bool(await connection.fetchval("SELECT true FROM stockroom.rebuilds WHERE progress <> '[]'"))
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            return False

    try:
        await until(started, bool, 60.0)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 130, err
    assert "the same command goes on with it" in err.decode()
    assert ("rebuild_cancelled" in out.decode()) is bool(options)
    assert b"Traceback" not in out + err
    row = await connection.fetchrow("SELECT state, ended_at IS NULL FROM stockroom.rebuilds")
    await connection.close()
    assert tuple(row or ()) == ("cancelled", False)


async def test_a_long_line_in_the_log_of_a_worker_does_not_end_its_rebuild(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    line = '{"level": "warning", "event": "%s"}'
    worker = tmp_path / "worker"
    worker.write_text(f"#!{sys.executable}\nprint({line!r} % ('x' * 200_000))\n")
    worker.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(worker))
    await run_workers([Share("orders", [], {})], {})
    assert "x" * 200_000 in capfd.readouterr().out
