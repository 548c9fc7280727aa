"""`./stockroom why ID`: why an order, a product or a SKU is as it is, as a tree from command to events and rows."""

from typing import Annotated, Any
from urllib.parse import quote

import httpx
import orjson
import typer
from rich.text import Text
from rich.tree import Tree

from infra.launcher.display import console as make_console
from infra.settings import settings

SECONDS = 20.0
WRONG_LEVEL = (
    "{warehouse_id}: the level says {on_hand} on hand and {reserved} reserved, its movements add up to {moved_on_hand} "
    "and {moved_reserved}; what is right: ./stockroom rebuild stock"
)
Json = dict[str, Any]


def why(
    id: Annotated[  # noqa: A002 (its name in --help)
        str, typer.Argument(help="An order by its number or id, a SKU, or the id of a product.", metavar="ORDER|SKU")
    ],
    *,
    stories: Annotated[int, typer.Option(min=1, max=100, help="Its newest stories, so many.")] = 20,
    json: Annotated[bool, typer.Option("--json", help="As the query API tells it.")] = False,
) -> None:
    """Why it is as it is: who did what, what followed, which rows show it, and what could not be applied."""
    console = make_console()
    if not id.strip():
        console.print("Name an order by its number or id, a SKU, or the id of a product.")
        raise typer.Exit(2)
    url = settings().query_api_url
    try:
        with httpx.Client(base_url=url, timeout=SECONDS, trust_env=False) as client:
            answer = client.get(f"/v1/why/{quote(id, safe='')}", params={"stories": stories})
    except httpx.HTTPError as error:
        console.print(f"The query API at {url} does not answer ({error}). Is it up? ./stockroom status", markup=False)
        raise typer.Exit(1) from error
    if answer.status_code != httpx.codes.OK:
        told = answer.json()
        console.print(f"{told.get('title', answer.status_code)}: {told.get('detail', '')}", markup=False)
        raise typer.Exit(1)
    if json:
        typer.echo(answer.text)
        return
    console.print(drawn(orjson.loads(answer.content)))


def drawn(told: Json) -> Tree:
    """The answer of `/v1/why/ID` as a tree for the terminal."""
    stock = told["stock"]
    sums = "" if stock is None else "  {available} available = {on_hand} on hand − {reserved} reserved".format(**stock)
    root = Tree(Text.assemble((told["id"], "bold"), sums))
    for level in told["disagreements"]:
        root.add(Text(WRONG_LEVEL.format(**level), "bold red"))
    for command in told["stories"]:
        _command(root, command)
    for letter in told["dead_letters"]:
        _dead_letter(root, letter, place=f"{letter['topic']}/{letter['partition']}@{letter['offset']}  ")
    for name in told["untold"]:
        root.add(Text(f"dead letters of {name} are not told: Redis does not answer", "yellow"))
    if told["truncated"]:
        root.add(Text("more has happened than is told: --stories, or ./stockroom events", "yellow"))
    return root


def _command(above: Tree, command: Json) -> None:
    first = command["events"][0]
    story = "" if command["correlation_id"] == command["id"] else f"  story {command['correlation_id']}"
    told = f"  {first['appended_at'][:19].replace('T', ' ')}  command {command['id']}{story}"
    branch = above.add(Text.assemble((command["actor"], "bold cyan"), told))
    for event in command["events"]:
        _event(branch, event)


def _event(above: Tree, event: Json) -> None:
    place = f"{event['topic']}/{event['partition']}@{event['offset']}"
    branch = above.add(
        Text.assemble((event["type"], "green"), f"  {event['subject']}  v{event['version']}  ", (place, "dim"))
    )
    for row in event["rows"]:
        shown = "  ".join(f"{name}={value}" for name, value in row["row"].items() if value is not None)
        branch.add(Text.assemble((row["table"], "blue"), f"  {shown}"))
    for letter in event["dead_letters"]:
        _dead_letter(branch, letter)
    for refusal in event["refused"]:
        told = f"{refusal['policy']}: {refusal['command_type']} of {refusal['aggregate_id']} refused, {refusal['code']}"
        branch.add(Text(f"{told}: {refusal['detail']}", "red"))
    for command in event["then"]:
        _command(branch, command)


def _dead_letter(above: Tree, letter: Json, place: str = "") -> None:
    if letter["code"] == "dropped":
        above.add(Text(f"dropped from {letter['reader']}: {place}{letter['error']}", "yellow"))
    else:
        above.add(Text(f"dead letter of {letter['reader']}: {place}{letter['code']}: {letter['error']}", "red"))
