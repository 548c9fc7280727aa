"""What is generated from the event classes is committed, fresh and compatible with what was committed before."""

import json
from pathlib import Path

import pytest

from event_schemas import generate
from event_schemas.catalogue import catalogue
from event_schemas.compatibility import breaks
from event_schemas.event import REGISTRY, Event


@pytest.mark.parametrize("cls", REGISTRY.values(), ids=REGISTRY.keys())
def test_no_event_breaks_its_committed_schema(cls: type[Event]) -> None:
    committed = json.loads((generate.SCHEMAS / f"{cls.wire_type}.json").read_text())
    assert breaks(committed, generate.schema(cls)) == []


def test_the_schemas_and_the_catalogue_are_not_stale() -> None:
    assert generate.stale(generate.files()) == []


def test_there_is_a_schema_of_every_version_and_of_nothing_else() -> None:
    shipped = {f"{name}.v{version}" for name, cls in REGISTRY.items() for version in range(1, cls.version + 1)}
    assert {path.stem for path in generate.SCHEMAS.glob("*.json")} == shipped


def test_the_catalogue_names_every_event_with_its_words_and_an_example() -> None:
    text = catalogue({cls.wire_type: {"example of": cls.wire_type} for cls in REGISTRY.values()})
    for cls in REGISTRY.values():
        assert f"### `{cls.wire_type}`" in text
        assert (cls.__doc__ or "").splitlines()[0].replace("``", "`") in text
        assert f'"example of": "{cls.wire_type}"' in text
        assert all(f"| `{name}` |" in text for name in cls.model_fields)


def test_check_tells_what_is_stale_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "SCHEMAS", tmp_path / "schemas")
    monkeypatch.setattr(generate, "LOCK", tmp_path / "shipped.lock")
    generate.LOCK.touch()
    assert generate.main(["--check"]) == 1
    assert "order.placed.v1.json is stale" in capsys.readouterr().err
    assert not (tmp_path / "schemas").exists()
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_a_schema_that_breaks_the_committed_one_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    committed = generate.schema(REGISTRY["order.flagged"])
    committed["properties"]["shelf"] = {"type": "string"}
    path = tmp_path / "order.flagged.v1.json"
    path.write_text(json.dumps(committed))
    monkeypatch.setattr(generate, "SCHEMAS", tmp_path)
    monkeypatch.setattr(generate, "LOCK", tmp_path / "shipped.lock")
    generate.LOCK.touch()
    assert generate.main([]) == 1
    assert "order.flagged.v1 needs a new version: /shelf: removed" in capsys.readouterr().err
    assert json.loads(path.read_text()) == committed
