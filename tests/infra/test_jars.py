"""The broker's jars: only what has the hash of the lock counts, and only what is missing is fetched."""

import gc
import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.launcher.home import Home
from infra.servers import jars
from infra.servers.fetch import JarsUnavailable, fetch
from infra.servers.jars import Jar, read_lock, write_lock
from infra.servers.java import jar_folder

# The resolver leaves closing its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

CONTENT = {"a": b"first jar", "b": b"second jar"}


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the name is the parent's)
        """Says nothing."""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    """A Maven repository with two jars, served over HTTP."""
    root = tmp_path / "repository"
    for name, content in CONTENT.items():
        folder = root / "org" / "example" / name / "1.0"
        folder.mkdir(parents=True)
        (folder / f"{name}-1.0.jar").write_bytes(content)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
    gc.collect()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    lock = tmp_path / "jars.lock"
    write_lock(lock, [jar(name, content) for name, content in CONTENT.items()])
    monkeypatch.setattr(jars, "LOCK", lock)
    return Home(tmp_path, tmp_path / "cache")


def jar(name: str, content: bytes) -> Jar:
    return Jar(f"org.example:{name}:1.0", hashlib.sha256(content).hexdigest(), len(content))


def test_all_jars_arrive_and_the_progress_ends_at_the_whole(home: Home, repository: str) -> None:
    told: list[tuple[int, int]] = []
    fetch(home, repository, lambda done, total: told.append((done, total)))
    total = sum(map(len, CONTENT.values()))
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert sorted(path.name for path in jar_folder(home).iterdir()) == ["a-1.0.jar", "b-1.0.jar"]


def test_when_all_is_there_nobody_is_asked(home: Home, repository: str) -> None:
    fetch(home, repository, lambda *_: None)
    fetch(home, "http://127.0.0.1:1/nobody-listens-here", lambda *_: None)
    assert jars.missing(jar_folder(home)) == []


def test_after_a_broken_download_only_what_is_missing_is_fetched(home: Home, repository: str) -> None:
    folder = jar_folder(home)
    (folder / ".part-of-a-killed-start").mkdir(parents=True)
    (folder / "a-1.0.jar").write_bytes(CONTENT["a"])
    told: list[int] = []
    fetch(home, repository, lambda _, total: told.append(total))
    assert set(told) == {len(CONTENT["b"])}
    assert sorted(path.name for path in folder.iterdir()) == ["a-1.0.jar", "b-1.0.jar"]


def test_a_jar_with_another_hash_is_refused(home: Home, repository: str) -> None:
    write_lock(jars.LOCK, [jar("a", b"something else")])
    with pytest.raises(JarsUnavailable, match="SHA-256"):
        fetch(home, repository, lambda *_: None)
    assert not (jar_folder(home) / "a-1.0.jar").exists()


def test_a_repository_that_cannot_be_reached_is_explained(home: Home) -> None:
    with pytest.raises(JarsUnavailable, match="it goes on where it stopped"):
        fetch(home, "http://127.0.0.1:1", lambda *_: None)


def test_the_lock_of_this_repository_names_one_version_of_each_jar() -> None:
    names = [each.coordinate.rsplit(":", 1)[0] for each in read_lock()]
    assert len(names) == len(set(names))
    assert {each.coordinate for each in read_lock()} >= {
        "org.apache.kafka:kafka_2.13:4.3.1",
        "org.apache.kafka:kafka-clients:4.3.1",
        "org.apache.kafka:kafka-tools:4.3.1",
    }
