"""Runs our gateway for the audits: a process of its own on the loopback address."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from benchmarks.audits.node import running
from gateway.composition import compose
from gateway.supergraph import Subgraph, Supergraph

# Audits of the HTTP layer select __typename only, so the subgraph is never called.
SDL = "type Query { hello: String } type Mutation { greet: String }"


def tiny() -> str:
    """Return the supergraph of one subgraph, which is never called."""
    composed = compose([Subgraph("one", "http://127.0.0.1:1/graphql", SDL)])
    assert isinstance(composed, Supergraph)
    return composed.sdl


@contextmanager
def serving(sdl: str, port: int, log: IO[bytes], *options: str) -> Iterator[str]:
    """Run the gateway with a supergraph for a block; yield its address."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "supergraph.graphql"
        file.write_text(sdl)
        command = [
            *(sys.executable, "-m", "gateway.app", "serve", "--supergraph", str(file)),
            *("--port", str(port), *options),
        ]
        with running(command, f"http://127.0.0.1:{port}/readyz", log):
            yield f"http://127.0.0.1:{port}/graphql"
