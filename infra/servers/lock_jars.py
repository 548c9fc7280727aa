"""Writes the lock of the broker's jars, when Kafka's version is changed: `python -m infra.servers.lock_jars`.

Resolves Maven coordinates once, so that a user's first start only downloads a known list and checks every SHA-256.
"""

import hashlib
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from infra.servers.jars import LOCK, Jar, write_lock

KAFKA = "4.3.1"
# kafka-clients and kafka-tools are named beside the broker: otherwise another artifact's management downgrades them.
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA}",
    f"org.apache.kafka:kafka-clients:{KAFKA}",
    f"org.apache.kafka:kafka-tools:{KAFKA}",
    "org.apache.logging.log4j:log4j-slf4j2-impl:2.25.3",
)
# Kafka Connect, its web server and what only those need: no tool of ours loads them, and they are half of the download.
LEFT_OUT = (
    "org.apache.kafka:connect-",
    "com.fasterxml.jackson.jakarta",
    "com.fasterxml.jackson.module",
    "com.sun.activation",
    "io.github.classgraph",
    "io.swagger",
    "jakarta.",
    "javax.",
    "org.apache.maven",
    "org.codehaus.plexus",
    "org.eclipse.jetty",
    "org.glassfish",
    "org.javassist",
)


def resolve(folder: Path) -> list[Jar]:
    """The jars of `COORDINATES`, downloaded into `folder` (laid out as Maven does) and hashed, in class path order."""
    context = MavenContext(repo_cache=folder, timeout=60)
    inputs, transitive = context.resolver.resolve([context.create_dependency(name) for name in COORDINATES])
    jars = []
    for dependency in [*inputs, *transitive]:
        artifact = dependency.artifact
        coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        if not coordinate.startswith(LEFT_OUT):
            content = Path(artifact.resolve()).read_bytes()
            jars.append(Jar(coordinate, hashlib.sha256(content).hexdigest(), len(content)))
    return jars


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        write_lock(LOCK, resolve(Path(temporary)))
