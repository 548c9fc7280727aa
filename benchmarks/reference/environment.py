"""The reference's settings, as the package takes them."""

from urllib.parse import urlsplit


def environment(dsn: str, *, threads: int, functions: bool) -> dict[str, str]:
    """For an application in the database of an address, with a connection for each thread."""
    where = urlsplit(dsn)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_HOST": where.hostname or "",
        "POSTGRES_PORT": str(where.port or 5432),
        "POSTGRES_DBNAME": where.path.lstrip("/"),
        "POSTGRES_USER": where.username or "",
        # The package asks for one; the embedded server takes any.
        "POSTGRES_PASSWORD": where.password or "none",
        "POSTGRES_POOL_SIZE": str(threads),
        "POSTGRES_ENABLE_DB_FUNCTIONS": "yes" if functions else "no",
    }
