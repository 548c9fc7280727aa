"""The version of the rules: it follows the code that folds, and nothing else."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from command_api.deciders import DECIDERS
from command_api.snapshots.state_version import state_version
from domain.decider import Decider
from domain.order import ORDER
from domain.product import PRODUCT
from infra.settings import REPOSITORY

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(tmp_path: Path) -> Edit:
    """Changes a text that is in a module of a copy of the rules and schemas."""
    for package in ("domain", "event_schemas"):
        (tmp_path / package).mkdir()
        for path in (REPOSITORY / package).glob("*.py"):
            (tmp_path / package / path.name).write_text(path.read_text())

    def change(module: str, old: str, new: str) -> None:
        path = tmp_path / f"{module.replace('.', '/')}.py"
        changed = re.sub(old, new, path.read_text(), count=1)
        assert changed != path.read_text()
        path.write_text(changed)

    return change


def version_of(decider: Decider[Any], copy: Path) -> str:
    def source(name: str) -> str | None:
        path = copy / f"{name.replace('.', '/')}.py"
        return path.read_text() if path.exists() else None

    return state_version(decider, source)


def test_it_is_sixteen_digits_and_each_topic_has_its_own() -> None:
    versions = [state_version(decider) for decider in DECIDERS]
    assert all(re.fullmatch("[0-9a-f]{16}", version) for version in versions)
    assert len(set(versions)) == len(DECIDERS)


def test_it_is_the_same_in_every_process() -> None:
    code = """
from command_api.deciders import DECIDERS
from command_api.snapshots.state_version import state_version
print(*map(state_version, DECIDERS))
"""
    seen = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert seen.stdout.split() == [state_version(decider) for decider in DECIDERS]


def test_a_copy_of_the_code_has_the_same_version(edit: Edit, tmp_path: Path) -> None:
    for decider in DECIDERS:
        assert version_of(decider, tmp_path) == state_version(decider)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("domain.order", r'^"""', '"""Another beginning. '),
        ("domain.decider", r'("""The state after)', r"\1 all of"),
        ("event_schemas.event", r'"""Every event class', '"""Each event class'),
        ("domain.order", r"\ndef decide", "\n# Another comment.\n\n\ndef decide"),
        ("event_schemas.order", r'(class OrderPlaced[^\n]*\n    )"""', r'\1"""Another text. '),
        ("domain.product", r"\Z", "\nANOTHER = 1\n"),
        ("event_schemas.stock", r"\Z", "\nANOTHER = 1\n"),
        ("event_schemas.generate", r"\Z", "\nANOTHER = 1\n"),
    ],
)
def test_docstrings_comments_and_other_rules_do_not_change_it(
    edit: Edit, tmp_path: Path, module: str, old: str, new: str
) -> None:
    edit(module, old, new)
    assert version_of(ORDER, tmp_path) == state_version(ORDER)


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("domain.order", r"OrderStatus\.PENDING", "OrderStatus.CONFIRMED"),
        ("domain.order", r"\Z", "\nANOTHER = 1\n"),
        ("domain.order_dump", r"\Z", "\nANOTHER = 1\n"),
        ("domain.words", r"\Z", "\nANOTHER = 1\n"),
        ("event_schemas.order", r"\Z", "\nANOTHER = 1\n"),
        ("event_schemas.codec", r"exclude_none=True", "exclude_none=False"),
        ("event_schemas.money", r"self\.amount \* quantity", "self.amount + quantity"),
        ("event_schemas.event", r'extra="ignore"', 'extra="allow"'),
    ],
)
def test_code_that_folds_changes_it(edit: Edit, tmp_path: Path, module: str, old: str, new: str) -> None:
    edit(module, old, new)
    assert version_of(ORDER, tmp_path) != state_version(ORDER)


def test_it_follows_what_the_rules_begin_to_import(edit: Edit, tmp_path: Path) -> None:
    edit("domain.product", r"\nfrom domain\.words", "\nfrom domain import fresh\nfrom domain.words")
    (tmp_path / "domain" / "fresh.py").write_text("A = 1\n")
    before = version_of(PRODUCT, tmp_path)
    (tmp_path / "domain" / "fresh.py").write_text("A = 2\n")
    assert version_of(PRODUCT, tmp_path) != before


def test_a_relative_import_is_refused_rather_than_overlooked(edit: Edit, tmp_path: Path) -> None:
    edit("domain.product", r"\nfrom domain\.words", "\nfrom . import fresh\nfrom domain.words")
    with pytest.raises(ImportError, match=r"domain\.product"):
        version_of(PRODUCT, tmp_path)
