"""Audits GraphQL over HTTP: `python -m benchmarks audits http`, the 61 audits of `graphql-http`."""

from __future__ import annotations

import argparse
import subprocess

from benchmarks.audits.node import install, node
from benchmarks.audits.peers import Peers, add_options
from benchmarks.audits.served import SDL, tiny
from gateway.supergraph import Subgraph

PACKAGES = {"graphql": "^16.13.1", "graphql-http": "^1.22.4"}
PORT = 21843
SCRIPT = """
import { serverAudits } from "graphql-http";
const [url, title] = process.argv.slice(2);
const counts = {};
let wrong = 0;
for (const audit of serverAudits({ url })) {
  const result = await audit.fn();
  counts[result.status] = (counts[result.status] ?? 0) + 1;
  if (result.status !== "ok") { wrong += 1; console.log(`  ${result.status}: ${audit.name}`); }
}
const all = Object.values(counts).reduce((a, b) => a + b);
console.log(`${title}, GraphQL over HTTP: ${counts.ok ?? 0} of ${all} audits`);
process.exit(wrong ? 1 : 0);
"""


def main(arguments: list[str]) -> int:
    """Run the audits; return 0 when all pass."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits http")
    add_options(parser)
    peers = Peers(parser.parse_args(arguments))
    folder = install("http", PACKAGES)
    (folder / "audits.mjs").write_text(SCRIPT)
    wrong = 0
    with (folder / "gateway.log").open("wb") as log:
        for name in peers.names:
            subgraph = Subgraph("one", "http://127.0.0.1:1/graphql", SDL)
            with peers.serving(name, tiny(), [subgraph], PORT, log) as url:
                if url is None:
                    print(f"{peers.title(name)} does not start; see {log.name}")
                    wrong += 1
                    continue
                command = node(folder, "audits.mjs", url, peers.title(name))
                wrong += subprocess.run(command, cwd=folder, check=False).returncode
    return 1 if wrong else 0
