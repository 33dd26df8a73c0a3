"""Check the readiness of a process of this container: `… -m onebox.containers.health PORT`."""

from __future__ import annotations

import http.client
import sys


def main() -> None:
    """Exit 0 when `/readyz` answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=3)
    connection.request("GET", "/readyz")
    sys.exit(connection.getresponse().status != 200)


if __name__ == "__main__":
    main()
