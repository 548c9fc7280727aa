"""Ports: free ones are different, taken ones are named with their setting and their holder."""

import os
import socket
from pathlib import Path

from infra.launcher.ports import complaints, free_ports, is_free
from infra.launcher.program import Program


async def always_ready() -> None:
    """A program that is ready at once."""


def program(name: str, **ports: int) -> Program:
    return Program(name, ("true",), "", ports, always_ready)


def test_free_ports_are_all_different_and_none_that_a_connection_could_take() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    handed_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    assert max(ports) < (int(handed_out.read_text().split()[0]) if handed_out.exists() else 32_768)


def test_a_taken_port_is_named_with_its_setting_and_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        (complaint,) = complaints("127.0.0.1", [program("redis", redis_port=port)])
    assert f"Port {port} (STOCKROOM_REDIS_PORT, for redis) is in use by " in complaint
    assert f"(pid {os.getpid()})" in complaint
    assert "set STOCKROOM_REDIS_PORT to a free port" in complaint


def test_one_port_for_two_programs_is_a_complaint() -> None:
    (port,) = free_ports(1)
    wrong = complaints("127.0.0.1", [program("a", kafka_port=port), program("b", redis_port=port)])
    assert wrong == [
        f"Port {port} is named twice: by STOCKROOM_KAFKA_PORT and STOCKROOM_REDIS_PORT. Give one of them another."
    ]


def test_a_port_that_was_just_left_is_free_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert is_free("127.0.0.1", port)
