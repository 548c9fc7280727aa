"""The command line. The table is all there is to it: a command is a line, its code is imported when it is called."""

import re
import sys

from pydantic import ValidationError

from infra.command import Command


def kafka_tool(name: str, summary: str) -> Command:
    """A line for one of Kafka's console tools."""
    return Command(name, "infra.commands.kafka_tools:run_tool", summary, takes_all=True, by_name=True)


COMMANDS = (
    Command("up", "infra.commands.up:up", "Start the servers and processes, and say what runs where."),
    Command("down", "infra.commands.down:down", "Stop everything that runs here. The data stays."),
    Command("status", "infra.commands.status:status", "What runs, and how far each projection is."),
    Command("doctor", "infra.commands.doctor:doctor", "Check this machine and the settings."),
    Command("logs", "infra.commands.logs:logs", "Show the logs of the servers and processes."),
    Command("reset", "infra.commands.down:reset", "Remove all data. The fetched servers stay."),
    Command("demo", "infra.commands.demo:demo", "A guided tour; every step can be repeated by hand."),
    Command("import", "infra.imports.command:import_file", "Import a file of another shop or library."),
    Command("events", "infra.events_command:events", "Read the log: events as lines."),
    Command("why", "infra.commands.why:why", "Why an order or a SKU is as it is: its story as a tree."),
    Command("rebuild", "infra.commands.run_module:rebuild", "Rebuild a read model from the log.", takes_all=True),
    Command("rollback", "infra.commands.run_module:rollback", "Undo the switch of a rebuild.", takes_all=True),
    Command("dlq", "infra.commands.run_module:dlq", "Events nobody could apply: retry, drop.", takes_all=True),
    Command("bench", "infra.commands.run_module:bench", "Run the benchmarks.", takes_all=True),
    Command(
        "check", "infra.commands.check:check", "Lint, types, import rules, compatibility of events.", takes_all=True
    ),
    Command("test", "infra.commands.test:test", "Run the tests on servers of their own.", takes_all=True),
    kafka_tool("kafka-topics", "Kafka's tool for topics."),
    kafka_tool("kafka-console-consumer", "Kafka's console consumer."),
    kafka_tool("kafka-console-producer", "Kafka's console producer."),
    kafka_tool("kafka-consumer-groups", "Kafka's tool for consumer groups."),
    kafka_tool("kafka-get-offsets", "Kafka's tool for offsets."),
    kafka_tool("kafka-dump-log", "Kafka's tool that reads log files."),
)


def main(arguments: list[str]) -> int:
    """Runs one command; its exit code. A setting that is refused ends it with 2 and a line that names it."""
    named = {command.name: command for command in COMMANDS}
    command = named.get(arguments[0]) if arguments else None
    try:
        if command is not None and command.takes_all:
            prefix = [command.name] if command.by_name else []
            return int(command.load()(*prefix, arguments[1:]) or 0)
        from infra.typed_commands import run_typed  # noqa: PLC0415 (Typer and rich take 0.2 s to import)

        return run_typed(COMMANDS, arguments)
    except ValidationError as error:
        for problem in error.errors():
            variable = "STOCKROOM_" + "_".join(str(part) for part in problem["loc"]).upper()
            # What stands before an @ may be a password.
            given = re.sub(r".*@", "***@", str(problem["input"]), flags=re.DOTALL)
            sys.stderr.write(f"{variable}: {problem['msg']} (given: {given!r})\n")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
