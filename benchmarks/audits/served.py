"""Our gateway as the audits meet it: a process of its own on the loopback address."""

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

# Audits of the edge ask for __typename alone, so a graph that is never called is enough.
SDL = "type Query { hello: String } type Mutation { greet: String }"


def tiny() -> str:
    """The supergraph of one subgraph that nobody calls."""
    composed = compose([Subgraph("one", "http://127.0.0.1:1/graphql", SDL)])
    assert isinstance(composed, Supergraph)
    return composed.sdl


@contextmanager
def serving(sdl: str, port: int, log: IO[bytes], *options: str) -> Iterator[str]:
    """The gateway with this supergraph for as long as a block lasts; the block gets its address."""
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "supergraph.graphql"
        file.write_text(sdl)
        command = [
            *(sys.executable, "-m", "gateway.app", "serve", "--supergraph", str(file)),
            *("--port", str(port), *options),
        ]
        with running(command, f"http://127.0.0.1:{port}/readyz", log):
            yield f"http://127.0.0.1:{port}/graphql"
