"""The version of the rules that a snapshot was folded under: a digest of their code, so that nobody has to raise it."""

import ast
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

from domain.decider import Decider
from event_schemas.event import REGISTRY

PACKAGES = ("domain", "event_schemas")
"""Where rules and events are; what these import from elsewhere is not followed."""
ALWAYS = ("event_schemas.codec", "event_schemas.money")
"""What every event is read with."""

Source = Callable[[str], str | None]


def source_of(name: str) -> str | None:
    """The source of a module, None when no module has this name. Raises ``ImportError`` when one has no source."""
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # the name before its last dot is no package
        return None
    if spec is None:
        return None
    source = getattr(spec.loader, "get_source", lambda _: None)(name)
    if source is None:
        raise ImportError(f"{name} has no source, so nothing tells when it changes", name=name)
    return str(source)


def state_version(decider: Decider[Any], source: Source = source_of) -> str:
    """16 hexadecimal digits that change with the code that folds, dumps or loads the states of ``decider``.

    That is the modules of its functions and of its topic's events, and what they import of rules and schemas. Comments,
    docstrings and layout do not count. Another Python may give other digits, which costs a reading of the log.
    ``source`` gives the source of a module by its name, as ``source_of``.
    """
    waiting = deque(function.__module__ for function in decider if callable(function))
    waiting += (cls.__module__ for cls in REGISTRY.values() if cls.topic == decider.topic)
    waiting += ALWAYS
    trees: dict[str, ast.Module] = {}
    while waiting:
        module = waiting.popleft()
        if module in trees or module.partition(".")[0] not in PACKAGES or (text := source(module)) is None:
            continue
        trees[module] = _without_prose(ast.parse(text))
        waiting += _imports(trees[module], module)
    digest = hashlib.sha256()
    for module in sorted(trees):
        digest.update(f"{module}\n{ast.dump(trees[module])}\n".encode())
    return digest.hexdigest()[:16]


def _without_prose(tree: ast.Module) -> ast.Module:
    """The tree without strings that stand for themselves: docstrings of modules, classes, functions and attributes."""
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody"):
            statements = getattr(node, name, None)
            if isinstance(statements, list):
                setattr(node, name, [statement for statement in statements if not _is_prose(statement)])
    return tree


def _is_prose(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imports(tree: ast.Module, module: str) -> Iterator[str]:
    """Names that may be modules of what a module imports. Raises ``ImportError`` for relative imports, which this
    project has not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level or node.module is None:
                raise ImportError(f"{module} has a relative import, which is not followed", name=module)
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
