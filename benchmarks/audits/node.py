"""Node programs for the audits, with packages from npm in a folder that is not committed."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

CACHE = Path(__file__).resolve().parents[2] / ".make" / "audits"

# Makes a server that listens on all addresses listen on the loopback address, without patching it.
_LOOPBACK = """
import net from "node:net";
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  return typeof port === "number"
    ? listen.call(this, port, "127.0.0.1", ...rest.filter((r) => typeof r === "function"))
    : listen.call(this, port, ...rest);
};
"""


def install(name: str, packages: Mapping[str, str]) -> Path:
    """Return the folder of these packages; install them the first time."""
    if not shutil.which("npm"):
        sys.exit("skipped: this audit needs npm, which is not on this machine")
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "loopback.mjs").write_text(_LOOPBACK)
    manifest = json.dumps({"private": True, "type": "module", "dependencies": dict(packages)})
    path = folder / "package.json"
    if not path.exists() or path.read_text() != manifest:
        path.write_text(manifest)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            check=True,
        )
    return folder


def node(folder: Path, *arguments: str) -> Sequence[str]:
    """Return a command line for the folder's own Node, or the machine's."""
    own = folder / "node_modules" / ".bin" / "node"
    return [str(own if own.exists() else "node"), *arguments]


@contextmanager
def running(
    command: Sequence[str], ready: str, log: IO[bytes], *, cwd: Path | None = None
) -> Iterator[None]:
    """Run a program for a block, once its address answers without an error."""
    check_free(ready)
    process = subprocess.Popen(
        command, cwd=cwd, stdout=log, stderr=log, env=os.environ | {"NODE_ENV": "production"}
    )
    try:
        if not wait(lambda: _answers(ready), lambda: process.poll() is None):
            sys.exit("a program of the audit did not start; see the log")
        yield
    finally:
        process.terminate()
        process.wait(10)


def check_free(address: str) -> None:
    """Exit when the port is in use: two audits at once would test each other's gateways."""
    port = urlsplit(address).port
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port or 80)) == 0:
            sys.exit(f"port {port} is in use; is another audit running?")


def wait(condition: Callable[[], bool], alive: Callable[[], bool], seconds: float = 60) -> bool:
    """Poll until the condition holds; return False when the program ended or took too long."""
    deadline = time.monotonic() + seconds
    while not condition():
        if not alive() or time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
