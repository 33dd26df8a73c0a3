"""Make a server on the loopback address reachable for containers, while a block runs."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


@contextlib.contextmanager
def reachable(url: str, address: str) -> Iterator[str]:
    """Yield an address at which containers reach the server of a URL."""
    parts = urlsplit(url)
    target = (parts.hostname or "127.0.0.1", parts.port or 80)

    class Forwarder(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            """Copy bytes in both directions until one side closes."""
            with socket.create_connection(target) as server:
                back = threading.Thread(target=_copy, args=(server, self.request), daemon=True)
                back.start()
                _copy(self.request, server)
                back.join()

    with socketserver.ThreadingTCPServer((address, 0), Forwarder) as forwarder:
        forwarder.daemon_threads = True
        threading.Thread(target=forwarder.serve_forever, daemon=True).start()
        yield f"http://{address}:{forwarder.server_address[1]}"
        forwarder.shutdown()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
