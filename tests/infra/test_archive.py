"""The archive of classes: used only once it is there, and no obstacle when it does not fit."""

from pathlib import Path

from infra.launcher.home import Home
from infra.servers import embedded, java
from infra.servers.archive import archive_path, use_archive
from infra.settings import Settings


def test_without_an_archive_java_is_told_of_none(tmp_path: Path) -> None:
    assert use_archive(Home(tmp_path, tmp_path)) == []


def test_an_archive_that_is_there_is_used_by_the_broker(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, cache=tmp_path, kafka_bootstrap_servers=None)
    home = Home.of(settings)
    java.jar_folder(home).mkdir(parents=True)
    archive_path(home).touch()
    (broker,) = (each for each in embedded.embedded_programs(settings, home) if each.name == "kafka")
    assert f"-XX:AOTCache={archive_path(home)}" in broker.command
