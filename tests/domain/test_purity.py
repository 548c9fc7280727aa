"""The rules stay pure: no file of domain reaches for a clock, randomness, input, output or a framework."""

import ast
from pathlib import Path

import pytest

import domain

FILES = sorted(Path(domain.__file__).parent.glob("*.py"))
ALLOWED = {
    "collections",
    "dataclasses",
    "datetime",
    "domain",
    "event_schemas",
    "__future__",
    "pydantic",
    "re",
    "rpds",
    "typing",
    "uuid",
}
IMPURE = {"now", "today", "utcnow", "uuid1", "uuid4", "open", "print", "input", "exec", "eval", "__import__"}


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names}


def called(tree: ast.AST) -> set[str]:
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    attributes = {function.attr for function in calls if isinstance(function, ast.Attribute)}
    return attributes | {function.id for function in calls if isinstance(function, ast.Name)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_domain_imports_only_what_is_pure(path: Path) -> None:
    assert imported(ast.parse(path.read_text())) <= ALLOWED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_of_domain_asks_no_clock_and_throws_no_dice(path: Path) -> None:
    assert not called(ast.parse(path.read_text())) & IMPURE


def test_all_files_of_domain_are_looked_at() -> None:
    assert {"order.py", "product.py", "stock_item.py", "decider.py"} <= {path.name for path in FILES}
