"""GraphQL over HTTP: `python -m benchmarks audits http` runs the 61 audits of npm `graphql-http`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.audits.node import install, node, running
from gateway.composition import compose
from gateway.supergraph import Subgraph, Supergraph

PACKAGES = {"graphql": "^16.13.1", "graphql-http": "^1.22.4"}
PORT = 21843
# The audits ask for __typename alone, so a graph that is never called is enough.
SDL = "type Query { hello: String } type Mutation { greet: String }"
SCRIPT = f"""
import {{ serverAudits }} from "graphql-http";
const counts = {{}};
let wrong = 0;
for (const audit of serverAudits({{ url: "http://127.0.0.1:{PORT}/graphql" }})) {{
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== "ok") {{ wrong += 1; console.log(`  ${{result.status}}: ${{audit.name}}`); }}
}}
console.log(`GraphQL over HTTP: ${{counts.ok ?? 0}} of ${{Object.values(counts).reduce((a, b) => a + b)}} audits`);
process.exit(wrong ? 1 : 0);
"""


def main(_: list[str]) -> int:
    """Run the audits; 0 when all of them are satisfied."""
    folder = install("http", PACKAGES)
    (folder / "audits.mjs").write_text(SCRIPT)
    composed = compose([Subgraph("one", "http://127.0.0.1:1/graphql", SDL)])
    assert isinstance(composed, Supergraph)
    with tempfile.TemporaryDirectory() as scratch, (folder / "gateway.log").open("wb") as log:
        file = Path(scratch) / "supergraph.graphql"
        file.write_text(composed.sdl)
        command = [
            *(sys.executable, "-m", "gateway.app", "serve", "--supergraph", str(file)),
            *("--port", str(PORT)),
        ]
        with running(command, f"http://127.0.0.1:{PORT}/readyz", log):
            return subprocess.run(node(folder, "audits.mjs"), cwd=folder, check=False).returncode
