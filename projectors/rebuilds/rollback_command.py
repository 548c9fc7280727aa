"""`./stockroom rollback`: the generation before the last switch serves again."""

import sys
from typing import Annotated

import orjson
import typer

from infra.principal import OPERATOR
from infra.process import run_process
from infra.settings import Settings
from projectors.back_off import AWAY
from projectors.read_models.registry import named
from projectors.rebuilds.rollback import RollbackRefused, roll_back
from projectors.stores.connect import connect_postgres, connect_redis


def rollback(
    name: Annotated[str, typer.Argument(help="The projection.")],
    json: Annotated[bool, typer.Option("--json", help="Say it as one JSON object.")] = False,
) -> None:
    """Let the generation before the last switch serve again, at once. A second rollback returns.

    Exit 2: unknown name; 1: refused.
    """
    try:
        projection = named(name)
    except KeyError as error:
        sys.stderr.write(f"{error.args[0]}\n")
        raise typer.Exit(2) from error

    async def act(settings: Settings) -> None:
        async with connect_postgres(settings) as pool, connect_redis(settings) as redis:
            done = await roll_back(pool, redis, projection, str(OPERATOR))
        sys.stdout.write(f"{orjson.dumps(done._asdict()).decode() if json else done.line()}\n")

    try:
        run_process(act)
    except RollbackRefused as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
    except AWAY as error:
        sys.stderr.write(f"a server is away ({type(error).__name__}: {error}): ./stockroom status\n")
        raise typer.Exit(1) from error
