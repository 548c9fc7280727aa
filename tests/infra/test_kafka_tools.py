"""Kafka's console tools: the address is filled in, all else goes through untouched."""

import subprocess
import sys

import pytest

from infra.commands.kafka_tools import TOOLS, tool_command
from infra.settings import REPOSITORY, Settings

SETTINGS = Settings(kafka_bootstrap_servers="broker:9092")


def arguments_of(name: str, *given: str) -> list[str]:
    command = tool_command(name, list(given), SETTINGS)
    return command[command.index(TOOLS[name][0]) + 1 :]


def test_the_address_is_filled_in_when_it_is_not_given() -> None:
    assert arguments_of("kafka-topics", "--list") == ["--bootstrap-server", "broker:9092", "--list"]


@pytest.mark.parametrize(
    "given", [("--bootstrap-server", "other:1"), ("--bootstrap-server=other:1",), ("--broker-list", "other:1")]
)
def test_a_given_address_is_left_alone(given: tuple[str, ...]) -> None:
    assert arguments_of("kafka-get-offsets", *given, "--topic", "orders") == [*given, "--topic", "orders"]


def test_arguments_with_spaces_and_signs_go_through_untouched() -> None:
    given = ["--topic", "orders", "--property", "key.separator= | ", "--property", "print.headers=true"]
    assert arguments_of("kafka-console-consumer", *given)[2:] == given


def test_the_log_reader_gets_no_address() -> None:
    assert arguments_of("kafka-dump-log", "--files", "x.log") == ["--files", "x.log"]


def run(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "infra.cli", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, input=text, capture_output=True, text=True, check=False, timeout=60)


def test_a_record_goes_in_and_comes_out_by_the_tools_alone() -> None:
    topic = "test-of-console-tools"
    assert run("kafka-topics", "--create", "--topic", topic, "--partitions", "1").returncode == 0
    produced = run("kafka-console-producer", "--topic", topic, text="hello from the console\n")
    assert produced.returncode == 0
    consumed = run("kafka-console-consumer", "--topic", topic, "--from-beginning", "--max-messages", "1")
    assert consumed.stdout == "hello from the console\n"
    assert run("kafka-get-offsets", "--topic", topic).stdout == f"{topic}:0:1\n"
    assert run("kafka-topics", "--delete", "--topic", topic).returncode == 0


def test_the_exit_code_is_the_tools_own() -> None:
    assert run("kafka-topics", "--describe", "--topic", "there-is-no-such-topic").returncode == 1
