"""The README says what there is: every setting with its default, every command, every folder of the house."""

from infra.cli import COMMANDS
from infra.settings import REPOSITORY, Settings

README = (REPOSITORY / "README.md").read_text()


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
