"""Kafka's own console tools, by their usual names and with their usual flags."""

import os
import sys
from typing import NoReturn

from infra.launcher.home import Home
from infra.launcher.program import CannotStart
from infra.servers import jars, java
from infra.servers.archive import use_archive
from infra.servers.embedded import fetch_what_is_missing
from infra.settings import Settings, settings

# Name, main class, and whether it talks to a broker.
TOOLS = {
    "kafka-topics": ("org.apache.kafka.tools.TopicCommand", True),
    "kafka-console-consumer": ("org.apache.kafka.tools.consumer.ConsoleConsumer", True),
    "kafka-console-producer": ("org.apache.kafka.tools.ConsoleProducer", True),
    "kafka-consumer-groups": ("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", True),
    "kafka-get-offsets": ("org.apache.kafka.tools.GetOffsetShell", True),
    "kafka-dump-log": ("org.apache.kafka.tools.DumpLogSegments", False),
}
JVM_OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
ADDRESS_OPTIONS = ("--bootstrap-server", "--broker-list", "--help", "--version")


def run_tool(name: str, arguments: list[str]) -> NoReturn:
    """Becomes the tool of that name, so that its exit code, input and output are the tool's own.

    Exits with 1 and a message when the jars cannot be had.
    """
    configuration = settings()
    home = Home.of(configuration)
    if jars.missing(java.jar_folder(home)):
        _fetch(configuration, home)
    command = tool_command(name, arguments, configuration)
    os.execve(command[0], command, {**os.environ, **java.class_path_environment(home)})


def tool_command(name: str, arguments: list[str], configuration: Settings) -> list[str]:
    """The tool's command line: the arguments untouched, `--bootstrap-server` put before them when none is given."""
    main_class, talks_to_broker = TOOLS[name]
    given = any(argument.split("=", 1)[0] in ADDRESS_OPTIONS for argument in arguments)
    address = ["--bootstrap-server", configuration.bootstrap_servers] if talks_to_broker and not given else []
    options = [*JVM_OPTIONS, *use_archive(Home.of(configuration))]
    return java.command(main_class, [*address, *arguments], options, "log4j-tools.yaml")


def _fetch(configuration: Settings, home: Home) -> None:
    from rich.console import Console  # noqa: PLC0415 (slow to import, and the tools start often)

    from infra.launcher.display import fetch_progress  # noqa: PLC0415

    try:
        with fetch_progress(Console(stderr=True)) as progress:
            fetch_what_is_missing(configuration.model_copy(update={"kafka_bootstrap_servers": None}), home, progress)
    except CannotStart as error:
        sys.exit(str(error))
