"""One Kafka broker with its KRaft controller in the same process, on loopback, formatted once."""

import base64
import logging
import os
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from infra.launcher.home import Home
from infra.launcher.program import CannotStart, NotReady, Program
from infra.launcher.record import write_whole
from infra.servers import java
from infra.servers.sockets import connection
from infra.settings import Settings

HEAP = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC"]
FORMAT_OPTIONS = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def program(
    settings: Settings, home: Home, java_options: Sequence[str] = (), format_options: Sequence[str] = ()
) -> Program:
    """The embedded broker as a program, with more options for its Java and for that of the tool that formats its
    storage. It needs the jars in the cache, which are fetched before."""
    folder = home.data("kafka")
    properties = folder / "server.properties"

    def prepare() -> None:
        write_whole(properties, "".join(f"{key}={value}\n" for key, value in broker_settings(settings, folder).items()))
        if not (folder / "log" / "meta.properties").exists():
            _format_storage(home, properties, format_options)

    return Program(
        name="kafka",
        command=tuple(java.command("kafka.Kafka", [str(properties)], [*HEAP, *java_options], "log4j-broker.yaml")),
        address=settings.bootstrap_servers,
        ports={"kafka_port": settings.kafka_port, "kafka_controller_port": settings.kafka_controller_port},
        check=lambda: check(settings),
        environment=java.class_path_environment(home),
        prepare=prepare,
        stop_seconds=30.0,
    )


def broker_settings(settings: Settings, folder: Path) -> dict[str, str | int]:
    """The broker's `server.properties`."""
    broker, controller = (f"{settings.host}:{port}" for port in (settings.kafka_port, settings.kafka_controller_port))
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{broker},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{broker}",
        "log.dirs": str(folder / "log"),
        "auto.create.topics.enable": "false",
        "log.retention.ms": -1,
        "unclean.leader.election.enable": "false",
        # A killed broker is missed after 3 s instead of 9 s, and a group forms at once.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # One broker: internal topics with one replica and few partitions.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 4,
        # Batches of 1 MB pass with their headers to spare.
        "message.max.bytes": 2_097_152,
        "replica.fetch.max.bytes": 2_097_152,
        "socket.request.max.bytes": 104_857_600,
        # Sized for a small heap on two cores.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "log.cleaner.dedupe.buffer.size": 16_777_216,
    }


async def check(settings: Settings) -> None:
    """Returns when the broker serves and has joined its cluster; raises `NotReady` until then."""
    from aiokafka.client import AIOKafkaClient  # noqa: PLC0415 (slow to import, and only a start needs it)
    from aiokafka.errors import KafkaError  # noqa: PLC0415

    host, port = settings.bootstrap_servers.split(",")[0].rsplit(":", 1)
    async with connection(host, int(port)):
        pass
    # A refused connection is no news while a broker starts, and what is wrong later stands in the check's own message.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    client = AIOKafkaClient(bootstrap_servers=settings.bootstrap_servers, request_timeout_ms=3000)
    try:
        await client.bootstrap()
        if not client.cluster.brokers():
            raise NotReady("the broker has not joined its cluster yet")
    except KafkaError as error:
        raise NotReady(f"the broker does not answer yet: {error}") from error
    finally:
        await client.close()


def _format_storage(home: Home, properties: Path, options: Sequence[str]) -> None:
    # A cluster id may not begin with a dash: the tool would take it for an option.
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
    arguments = ["format", "--ignore-formatted", "--cluster-id", cluster, "--config", str(properties)]
    result = subprocess.run(
        java.command("kafka.tools.StorageTool", arguments, [*FORMAT_OPTIONS, *options], "log4j-tools.yaml"),
        env={**os.environ, **java.class_path_environment(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        raise CannotStart(f"Kafka's storage could not be formatted: {(result.stderr or result.stdout).strip()}")
