"""The version of the rules that a snapshot was folded under: a digest of their code, so that nobody has to raise it."""

import ast
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from typing import Any, NamedTuple

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


class Code(NamedTuple):
    """What counts of a module's source."""

    dumped: bytes
    imported: frozenset[str]
    """Names that may be modules."""


def state_version(decider: Decider[Any], source: Source = source_of) -> str:
    """16 hexadecimal digits that change with the code that folds, dumps or loads the states of ``decider``.

    That is the modules of its functions and of its topic's events, and what they import of rules and schemas. Comments,
    docstrings and layout do not count. Another Python may give other digits, which costs a reading of the log.
    ``source`` gives the source of a module by its name, as ``source_of``.
    """
    waiting = deque(function.__module__ for function in decider if callable(function))
    waiting += (cls.__module__ for cls in REGISTRY.values() if cls.topic == decider.topic)
    waiting += ALWAYS
    found: dict[str, Code] = {}
    while waiting:
        module = waiting.popleft()
        if module in found or module.partition(".")[0] not in PACKAGES or (text := source(module)) is None:
            continue
        found[module] = _code(module, text)
        waiting += found[module].imported
    digest = hashlib.sha256()
    for module in sorted(found):
        digest.update(b"%b\n%b\n" % (module.encode(), found[module].dumped))
    return digest.hexdigest()[:16]


@lru_cache
def _code(module: str, text: str) -> Code:
    """What counts of the source of a module. Most modules are under the rules of several topics."""
    tree = ast.parse(text)
    imported = frozenset(name for statement in _without_prose(tree) for name in _imports(statement, module))
    return Code(ast.dump(tree).encode(), imported)


def _without_prose(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement of the tree, after strings that stand for themselves are taken out of what is in it: docstrings
    of modules, classes, functions and attributes. Expressions, most of a tree, hold no statements."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                inner[:] = [statement for statement in inner if not _is_prose(statement)]
                waiting += inner
        yield node


def _is_prose(statement: ast.AST) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _imports(statement: ast.AST, module: str) -> Iterator[str]:
    """Names that may be modules of what a statement imports. Raises ``ImportError`` for a relative import, which this
    project has not."""
    if isinstance(statement, ast.Import):
        yield from (alias.name for alias in statement.names)
    elif isinstance(statement, ast.ImportFrom):
        if statement.level or statement.module is None:
            raise ImportError(f"{module} has a relative import, which is not followed", name=module)
        yield statement.module
        yield from (f"{statement.module}.{alias.name}" for alias in statement.names)
