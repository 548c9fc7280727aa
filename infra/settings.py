"""Every setting of the product, read once from the environment (prefix ``STOCKROOM_``).

A server address that is not given means the embedded server, started by the launcher on its port. Nothing connects.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.setting_forms import (
    INSTANCE_PORT_STEP,
    BaseUrl,
    BaseUrls,
    InstanceCount,
    InstanceUrl,
    KafkaServers,
    PostgresDsn,
    RedisUrl,
    upper,
)

REPOSITORY = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Addresses, ports, limits. Each field is an environment variable: ``kafka_port`` is ``STOCKROOM_KAFKA_PORT``."""

    model_config = SettingsConfigDict(env_prefix="STOCKROOM_", frozen=True, extra="ignore", hide_input_in_errors=True)

    home: Path = Field(default=REPOSITORY / ".stockroom", description="Folder that holds all data, logs and caches.")
    cache: Path | None = Field(
        default=None, description="Folder of the fetched servers; empty: `cache` in the home. Copies may share one."
    )
    maven_url: str | None = Field(
        default=None, description="Base URL of a Maven repository that mirrors Central; empty: Maven Central."
    )
    start_seconds: float = Field(
        default=180.0, gt=0, le=3600, description="How long `up` waits until all is ready before it gives up."
    )
    host: str = Field(default="127.0.0.1", description="Address that every process and embedded server listens on.")

    kafka_bootstrap_servers: KafkaServers | None = Field(
        default=None, description="`host:port[,...]` of your own Kafka; empty: the embedded broker is started."
    )
    postgres_dsn: PostgresDsn | None = Field(
        default=None, description="`postgresql://...` of your own PostgreSQL; empty: the embedded one is started."
    )
    redis_url: RedisUrl | None = Field(
        default=None, description="`redis://...` of your own Redis; empty: the embedded one is started."
    )

    command_api_port: int = Field(default=8001, ge=1, le=65535, description="Port of the command API; the next: +100.")
    command_apis: InstanceCount = Field(
        default=1, ge=1, le=16, description="How many command APIs `up` starts, 1 to 16."
    )
    advertised_address: InstanceUrl | None = Field(
        default=None, description="Base URL at which the others reach this command API; empty: its host and port."
    )
    command_api_group: str = Field(
        default="stockroom-command-api",
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Kafka consumer group in which the command APIs share the shards.",
    )
    query_api_port: int = Field(default=8002, ge=1, le=65535, description="Port of the query API.")
    projectors_port: int = Field(
        default=6066, ge=1, le=65535, description="Port of the projectors: rebuilds, dead letters; the next: +100."
    )
    projectors: InstanceCount = Field(
        default=1, ge=1, le=16, description="How many projectors `up` starts, 1 to 16; they share the partitions."
    )
    streams_port: int = Field(default=6068, ge=1, le=65535, description="Health port of the streams.")
    policies_port: int = Field(default=6067, ge=1, le=65535, description="Port of the policies: health, dead letters.")
    command_api_address: BaseUrls | None = Field(
        default=None, description="Base URLs of the command APIs, with commas between; empty: those that `up` starts."
    )
    query_api_address: BaseUrl | None = Field(
        default=None, description="Base URL of the query API as clients see it; empty: its port here."
    )
    kafka_port: int = Field(default=9092, ge=1, le=65535, description="Port of the embedded broker.")
    kafka_controller_port: int = Field(default=9093, ge=1, le=65535, description="Port of its KRaft controller.")
    postgres_port: int = Field(default=55432, ge=1, le=65535, description="Port of the embedded PostgreSQL.")
    redis_port: int = Field(default=56379, ge=1, le=65535, description="Port of the embedded Redis.")

    partitions: int = Field(
        default=6, ge=1, le=1000, description="Partitions of every event topic, fixed when they are created."
    )
    replication_factor: int = Field(default=1, ge=1, le=9, description="Replicas of every topic; 3 outside one broker.")
    min_insync_replicas: int = Field(default=1, ge=1, le=9, description="Replicas that must have an event; 2 of 3.")

    order_deadline_seconds: float = Field(
        default=900.0, gt=0, le=31_536_000, description="How long a live order may stay PENDING before it is given up."
    )
    snapshot_seconds: float = Field(default=2.0, gt=0, le=3600, description="Longest pause between two snapshots.")
    snapshot_events: int = Field(default=10_000, ge=1, description="New events after which a snapshot does not wait.")
    cached_aggregates: int = Field(default=50_000, ge=1, description="Unchanged aggregates kept in memory, at most.")

    max_body_bytes: int = Field(default=1_000_000, ge=1_000, description="Largest request body; bulk has its own.")
    max_bulk_bytes: int = Field(default=8_000_000, ge=1_000, description="Largest body of `POST /v1/bulk`.")
    max_bulk_commands: int = Field(default=2_000, ge=1, description="Most commands in one `POST /v1/bulk`.")
    max_queued_commands: int = Field(default=20_000, ge=1, description="Commands that wait before 503 `overloaded`.")
    max_queue_seconds: float = Field(
        default=1.0, gt=0, le=60, description="Expected wait of a command above which it is 503 `overloaded`."
    )
    max_requests: int = Field(
        default=1_000,
        ge=1,
        description="Requests under way before 503 `overloaded`; those that only wait do not count.",
    )
    idempotency_hours: float = Field(default=24.0, gt=0, description="How long a repeated key is answered from memory.")
    idempotency_keys: int = Field(default=200_000, ge=1, description="Most keys that are remembered at once.")
    consistency_wait_seconds: float = Field(
        default=2.0, ge=0, le=60, description="How long a query waits for the position of a Consistency-Token."
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(upper)] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR, in any case."
    )
    data: Path | None = Field(default=None, description="Folder with full data files for the full-file checks.")

    @property
    def bootstrap_servers(self) -> str:
        """Kafka's address: the one given, or the embedded broker's."""
        return self.kafka_bootstrap_servers or f"{self.host}:{self.kafka_port}"

    @property
    def dsn(self) -> str:
        """PostgreSQL's address: the one given, or the embedded server's."""
        return self.postgres_dsn or f"postgresql://stockroom@{self.host}:{self.postgres_port}/stockroom"

    @property
    def redis_address(self) -> str:
        """Redis's address: the one given, or the embedded server's."""
        return self.redis_url or f"redis://{self.host}:{self.redis_port}/0"

    @property
    def command_api_ports(self) -> tuple[int, ...]:
        """The ports of the command API instances that `up` starts, the first's first."""
        return tuple(self.command_api_port + INSTANCE_PORT_STEP * number for number in range(self.command_apis))

    @property
    def command_api_urls(self) -> tuple[str, ...]:
        """Base URLs of the command API's instances, without a slash at the end; each takes every command."""
        if self.command_api_address:
            return tuple(self.command_api_address.split(","))
        return tuple(f"http://{self.host}:{port}" for port in self.command_api_ports)

    @property
    def command_api_url(self) -> str:
        """Base URL of the first instance of the command API, without a slash at the end."""
        return self.command_api_urls[0]

    @property
    def instance_address(self) -> str:
        """Base URL at which other instances reach this command API, without a slash at the end."""
        return self.advertised_address or f"http://{self.host}:{self.command_api_port}"

    @property
    def query_api_url(self) -> str:
        """Base URL of the query API, without a slash at the end."""
        return self.query_api_address or f"http://{self.host}:{self.query_api_port}"


@lru_cache
def settings() -> Settings:
    """The settings of this process, read from the environment at the first call.

    Raises ``pydantic.ValidationError`` that names the variable when a value is out of range or of another form.
    """
    return Settings()
