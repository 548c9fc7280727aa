"""What was shipped cannot be changed or taken away, not even with its class and every file that tells of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from event_schemas import generate
from event_schemas.event import REGISTRY

Change = Callable[[Any], Any]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of all that is committed, to be spoiled."""
    for name in ("GOLDEN", "SCHEMAS", "LOCK", "CATALOGUE"):
        path: Path = getattr(generate, name)
        target = tmp_path / path.name
        shutil.copytree(path, target) if path.is_dir() else shutil.copy(path, target)
        monkeypatch.setattr(generate, name, target)
    assert generate.main(["--check"]) == 0
    return tmp_path


def edit(path: Path, change: Change) -> None:
    path.write_text(json.dumps(change(json.loads(path.read_text())), indent=2))


@pytest.mark.parametrize("arguments", [["--check"], []], ids=["checked", "written"])
@pytest.mark.parametrize(
    "change",
    [lambda examples: examples[1:], lambda examples: [{**examples[0], "value": {"reason": "other"}}, *examples[1:]]],
    ids=["removed", "changed"],
)
def test_an_example_that_was_shipped_stays_as_it_is(
    copy: Path, capsys: pytest.CaptureFixture[str], change: Change, arguments: list[str]
) -> None:
    edit(copy / "golden" / "product.withdrawn.v1.json", change)
    assert generate.main(arguments) == 1
    assert "product.withdrawn.v1.json: an example that was shipped is gone or changed" in capsys.readouterr().err


def test_an_example_may_be_added_and_is_remembered(copy: Path) -> None:
    path = copy / "golden" / "order.flagged.v1.json"
    edit(path, lambda examples: [*examples, {"value": {"order_id": "o", "reason": "NEW"}}])
    assert generate.main(["--check"]) == 1
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    edit(path, lambda examples: examples[:-1])
    assert generate.main(["--check"]) == 1


def test_a_class_that_changed_together_with_its_schema_file_is_found_out(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(copy / "schemas" / "order.flagged.v1.json", lambda schema: {**schema, "required": []})
    assert generate.main([]) == 1
    assert "schemas/order.flagged.v1.json is not what was shipped" in capsys.readouterr().err


def test_an_event_whose_older_version_was_dropped_is_found_out(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REGISTRY["product.withdrawn"], "version", 1)
    monkeypatch.setattr(REGISTRY["product.withdrawn"], "wire_type", "product.withdrawn.v1")
    assert generate.main(["--check"]) == 1
    assert "product.withdrawn.v2 was shipped, and nothing reads it any more" in capsys.readouterr().err


def test_an_event_that_is_not_declared_any_more_is_found_out(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(REGISTRY, "order.flagged")
    assert generate.main(["--check"]) == 1
    assert "order.flagged.v1 was shipped, and nothing reads it any more" in capsys.readouterr().err


def test_a_new_version_without_examples_is_refused(
    copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(REGISTRY["order.flagged"], "version", 2)
    monkeypatch.setattr(REGISTRY["order.flagged"], "wire_type", "order.flagged.v2")
    assert generate.main(["--check"]) == 1
    assert "golden/order.flagged.v2.json" in capsys.readouterr().err
