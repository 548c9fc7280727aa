"""Talking to PostgreSQL within seconds: what is slow or broken ends as ``SnapshotAway``, never as a wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

from command_api.snapshots.snapshot import SnapshotAway, SnapshotMoved
from command_api.snapshots.tables import Connection
from infra.reason import reason

_RELEASE_SECONDS = 1.0
GONE = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedColumnError)


class TablesGone(SnapshotMoved):
    """Somebody has dropped the tables, and all snapshots with them."""


@asynccontextmanager
async def connected(pool: asyncpg.Pool, seconds: float) -> AsyncIterator[Connection]:
    """A connection of the pool, for reading. Raises ``SnapshotAway`` after ``seconds``, and for every error of the
    server: a store that can be done without has no error that is worth more than that; the cause is attached. But
    ``TablesGone`` when there is no such table.
    """
    try:
        async with asyncio.timeout(seconds):
            connection = await pool.acquire()
            try:
                yield connection
            except BaseException:
                # Not a rollback, and not the client's way of cancelling: both ask a server that may not answer. That
                # the connection is gone ends the transaction just as well.
                connection.terminate()
                raise
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await pool.release(connection, timeout=_RELEASE_SECONDS)
    except GONE as error:
        raise TablesGone(reason(error)) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        # A time-out is an OSError. asyncpg's internal error comes where a server went in the middle of an answer.
        if isinstance(error, ValueError):  # an argument that asyncpg cannot send: ours to mend
            raise
        raise SnapshotAway(reason(error)) from error


@asynccontextmanager
async def reading(pool: asyncpg.Pool, seconds: float) -> AsyncIterator[Connection]:
    """A connection on which every query sees the same moment. Raises as ``connected``."""
    async with connected(pool, seconds) as connection:
        transaction = connection.transaction(isolation="repeatable_read", readonly=True)
        await transaction.start()
        yield connection
        await transaction.commit()


@asynccontextmanager
async def writing(pool: asyncpg.Pool, seconds: float) -> AsyncIterator[Connection]:
    """A connection in a transaction that is committed at the end. Raises as ``connected``; then nothing was changed,
    unless the answer to the commit itself was lost.
    """
    async with connected(pool, seconds) as connection:
        transaction = connection.transaction()
        await transaction.start()
        # Not waiting for the disk is safe here. A crash of PostgreSQL loses the newest commits, in order and whole,
        # never one from the middle, since recovery ends where the write-ahead log ends. What remains is an older
        # snapshot with its own mark: the log is read from there. A writer that goes on over the crash finds a mark
        # behind its own at the next `load` or `save`, and so takes nothing old for new.
        # A writer that is stopped in the middle loses its locks, or its successor could not save.
        milliseconds = round(seconds * 1000)
        await connection.execute(
            "SET LOCAL synchronous_commit = off;"
            f"SET LOCAL idle_in_transaction_session_timeout = {milliseconds};"
            f"SET LOCAL statement_timeout = {milliseconds}"
        )
        yield connection
        await transaction.commit()
