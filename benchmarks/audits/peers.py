"""The gateways that an audit can be run on: ours, and the benchmark's peers from npm."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks.audits.node import check_free, wait
from benchmarks.gateway.gateways import GATEWAYS, Gateway, Place, install
from gateway.supergraph import Subgraph

NAMES = {
    "ours": "ours",
    "apollo": "Apollo Gateway",
    "hive": "Hive Gateway",
    "hive-rust": "Hive Gateway + Rust planner",
    "grafbase": "Grafbase",
}
COMPOSES = frozenset({"grafbase"})
"""Gateways that take subgraphs instead of a supergraph."""


class Peers:
    """The gateways that the options name, with their packages installed."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.npm: Path = options.npm
        self.names: list[str] = options.gateway or ["ours"]
        self._gateways = {gateway.name: gateway for gateway in GATEWAYS}
        if any(self.gateway(name).packages for name in self.names):
            reason = install(self.npm)
            if reason:
                sys.exit(f"{reason}: only `--gateway ours` can be audited.")

    def gateway(self, name: str) -> Gateway:
        """Return how a gateway is started."""
        return self._gateways[NAMES[name]]

    def title(self, name: str) -> str:
        """Return the name and version of a gateway."""
        gateway = self.gateway(name)
        return gateway.name if name == "ours" else f"{gateway.name} {gateway.version(self.npm)}"

    @contextmanager
    def serving(
        self, name: str, sdl: str, subgraphs: list[Subgraph], port: int, log: IO[bytes]
    ) -> Iterator[str | None]:
        """Run a gateway for a block; yield its address, or None if it does not start."""
        gateway = self.gateway(name)
        with tempfile.TemporaryDirectory() as folder:
            texts = {each.name: each.sdl for each in subgraphs}
            urls = {each.name: each.url for each in subgraphs}
            place = Place(Path(folder), self.npm, port, texts, 0, urls)
            place.supergraph.write_text(sdl)
            check_free(f"http://127.0.0.1:{port}")
            process = subprocess.Popen(
                # Hive's compiler of answers (--jit) is faster, but fails three cases.
                [part for part in gateway.command(place) if part != "--jit"],
                cwd=self.npm if gateway.packages else None,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # The audits use introspection, which some gateways refuse in production.
                env={**os.environ, **gateway.environment(place), "NODE_ENV": "development"},
                start_new_session=True,
            )
            url = f"http://127.0.0.1:{port}{gateway.path}"
            try:
                ready = wait(lambda: _answers(url), lambda: process.poll() is None)
                yield url if ready else None
            finally:
                _end(process)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of all audits that run gateways."""
    parser.add_argument(
        "--gateway", action="append", choices=NAMES, help="default: ours; may be repeated"
    )
    parser.add_argument(
        "--npm",
        type=Path,
        default=Path(tempfile.gettempdir()) / "gateway-benchmark-peers",
        help="folder that the peers are installed into (default: %(default)s)",
    )


def post(url: str, body: Mapping[str, Any], seconds: float = 30) -> Any:
    """Send a request; return the parsed answer, which may have any status."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"content-type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=seconds) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        return json.load(refused)


def _answers(url: str) -> bool:
    try:
        return bool(post(url, {"query": "{ __typename }"}, 2).get("data"))
    except (OSError, ValueError, AttributeError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program with all its children, which Hive and Grafbase have."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
    except ProcessLookupError:
        process.wait()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
