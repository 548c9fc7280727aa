"""The README says what there is: every setting with its default, every command, every folder of the house."""

import re

from command_api.order_lines import order_number
from command_api.request import command_identity, created_id
from domain.ids import product_id
from infra.cli import COMMANDS
from infra.partition_of import partition_of
from infra.principal import OPERATOR
from infra.settings import REPOSITORY, Settings

README = (REPOSITORY / "README.md").read_text()
TOUR = README[README.index("## A first tour") : README.index("## Commands")]


def test_every_setting_is_in_the_readme_with_its_meaning() -> None:
    rows = {line.split("|")[1].strip(" `"): line for line in README.splitlines() if line.startswith("| `STOCKROOM_")}
    assert rows.keys() == {f"STOCKROOM_{name.upper()}" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        row = rows[f"STOCKROOM_{name.upper()}"]
        assert field.description is not None
        assert field.description in row
        if name != "home" and field.default is not None:
            assert f"`{field.default}`" in row, name


def test_every_command_is_in_the_readme() -> None:
    for command in COMMANDS:
        assert f"`{command.name}" in README or f"{command.name}`" in README or f"./stockroom {command.name}" in README


def test_the_readme_begins_with_the_two_commands() -> None:
    assert README.index("./stockroom up ") < README.index("./stockroom test ") < 1_500


def test_ids_numbers_and_partitions_of_the_tour_are_those_that_a_reader_gets() -> None:
    partitions = Settings.model_fields["partitions"].default
    added, ordered = (
        command_identity(OPERATOR, route, key)
        for route, key in (("POST /v1/products", "tour-1"), ("POST /v1/orders", "tour-2"))
    )
    product, order = product_id("KB-1"), created_id(ordered)
    for subject, topic in ((product, "catalog"), (order, "orders"), ("KB-1", "stock")):
        assert set(re.findall(rf"{topic}/(\d+)@", TOUR)) == {str(partition_of(subject, partitions))}
    for shown in (product, order, added, ordered):
        assert f"{shown[:8]}-…" in TOUR, shown
    assert f"--subject {order}\n" in TOUR
    assert set(re.findall(r"SO-[0-9A-F]{10}", TOUR)) == {order_number(order)}


def test_every_command_of_the_tour_is_there() -> None:
    names = set(re.findall(r"^\$? ?\./stockroom (\S+)", TOUR, re.MULTILINE))
    assert {"why", "import", "rebuild", "events", "kafka-console-consumer"} <= names
    assert names <= {command.name for command in COMMANDS}
