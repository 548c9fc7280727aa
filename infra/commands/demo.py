"""`demo`: the guided tour, on a product that is up."""

import asyncio
import secrets
from contextlib import AsyncExitStack

import asyncpg
import httpx
import typer
from rich.console import Console

from infra.away import AWAY
from infra.demo.call import TourStopped
from infra.demo.guide import Guide
from infra.demo.log_tail import LogTail, positions
from infra.demo.tour import Tour
from infra.launcher.display import console as make_console
from infra.log_batch import LogBroken
from infra.log_reader import LogReader
from infra.settings import Settings, settings

NEXT = """
Look further:
  ./stockroom kafka-console-consumer --topic orders --from-beginning --max-messages 5 \\
      --formatter-property print.headers=true
  ./stockroom events --subject {order_id}
  ./stockroom events --follow
  {query}/docs and {command}/docs list every endpoint"""


def demo() -> None:
    """A guided tour: each step shows the request as curl, the answer, the events and the rows."""
    console = make_console()
    try:
        asyncio.run(_tour(console, settings()))
    except (TourStopped, LogBroken) as error:
        console.print(f"\nThe tour stops: {error}", markup=False)
        raise typer.Exit(1) from error


async def _tour(console: Console, config: Settings) -> None:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        await _must_be_up(http, config)
        try:
            postgres = await asyncpg.connect(config.dsn)
            stack.push_async_callback(postgres.close)
            reader = LogReader(config.bootstrap_servers, await positions(postgres))
            await stack.enter_async_context(reader)
        except AWAY as error:
            raise TourStopped(f"a server does not answer ({error}): ./stockroom status") from error
        tour = Tour(Guide(console, http, postgres, LogTail(reader)), config, secrets.token_hex(3).upper())
        await tour.lead()
        text = NEXT.format(order_id=tour.order_id, query=config.query_api_url, command=config.command_api_url)
        console.print(text, markup=False)


async def _must_be_up(http: httpx.AsyncClient, config: Settings) -> None:
    for name, url in (("command API", config.command_api_url), ("query API", config.query_api_url)):
        try:
            reply = await http.get(f"{url}/ready", timeout=5.0)
        except httpx.TransportError as error:
            raise TourStopped(f"the {name} does not answer at {url}. Start everything: ./stockroom up") from error
        if reply.status_code != httpx.codes.OK:
            raise TourStopped(f"the {name} is not ready: {reply.text}. See ./stockroom status")
