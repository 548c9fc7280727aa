"""A container's health check: `python -m infra.check_ready PORT` is 0 when `GET /ready` there answers 200."""

import sys
from http.client import HTTPConnection

SECONDS = 4.0


def is_ready(port: int) -> bool:
    """Whether the process on this port of this machine says that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(0 if is_ready(int(sys.argv[1])) else 1)
