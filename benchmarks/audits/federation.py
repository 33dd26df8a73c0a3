"""The public federation gateway audit: `python -m benchmarks audits federation --checkout DIR`.

DIR is a checkout of github.com/graphql-hive/federation-gateway-audit. Its server runs in Node; each
suite's supergraph is served by the gateway in a process of its own, first as the audit composes it,
then (ours only) as our composition does, and every answer is compared deeply. How long planning takes is
measured besides: each operation as a new one, on a supergraph that was asked something before.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from benchmarks.audits.node import install, node, running
from benchmarks.audits.peers import COMPOSES, Peers, options, post
from gateway.composition import compose
from gateway.errors import GatewayError
from gateway.operation import Operation, choose, parse_document
from gateway.planning import plan
from gateway.supergraph import Subgraph, Supergraph, load

PACKAGES = {
    "@apollo/composition": "2.14.1",
    "@apollo/subgraph": "2.14.1",
    "async-retry": "^1.3.3",
    "fets": "^0.8.12",
    "graphql": "^16.13.1",
    "graphql-yoga": "^5.18.1",
    "node": "^22.0.0",
    "tsx": "^4.22.4",
}
AUDIT, GATEWAY = 21841, 21842


def main(arguments: list[str]) -> int:
    """Run the audit; 0 when every case is right with both kinds of supergraph."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits federation")
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--suite", action="append", help="only this one; may be repeated")
    options(parser)
    asked = parser.parse_args(arguments)
    if not (asked.checkout / "src" / "test-suites").is_dir():
        parser.error(f"{asked.checkout} is not a checkout of the audit: it has no src/test-suites")
    peers = Peers(asked)
    folder = install("federation", PACKAGES)
    shutil.copytree(asked.checkout / "src", folder / "src", dirs_exist_ok=True)
    (folder / "serve.ts").write_text(
        f'import {{ serve }} from "./src/index.js";\nawait serve({AUDIT});\n'
    )
    wrong = 0
    with (folder / "audit.log").open("wb") as log:
        command = node(folder, "--import", "./loopback.mjs", "--import", "tsx", "serve.ts")
        with running(command, f"{_audit()}/_health", log, cwd=folder):
            suites = asked.suite or _get("ids")
            for name in peers.names:
                for own in (False, True) if name == "ours" else (False,):
                    right, total, whole = _suites(peers, name, suites, own, log)
                    made = _made(name, own)
                    print(
                        f"{peers.title(name)}, {made}: {right} of {total} cases, "
                        f"{whole} of {len(suites)} suites",
                        flush=True,
                    )
                    wrong += total - right
            if "ours" in peers.names:
                _planning(suites)
    return 1 if wrong else 0


def _planning(suites: list[str]) -> None:
    """Processor milliseconds from a parsed operation to its plan; the median of five times each."""
    spent: list[float] = []
    for suite in suites:
        supergraph = load(_theirs(suite))
        cases = _get(f"{suite}/tests")
        operations = [choose(parse_document(case["query"]), None) for case in cases]
        for operation in operations:  # what a supergraph learns once
            _planned(supergraph, operation)
        spent += [
            statistics.median(_planned(supergraph, operation) for _ in range(5))
            for operation in operations
        ]
    spent.sort()
    print(
        f"planning {len(spent)} operations: median {statistics.median(spent):.2f} ms, 99th percentile "
        f"{spent[int(len(spent) * 0.99)]:.2f} ms, slowest {spent[-1]:.2f} ms"
    )


def _planned(supergraph: Supergraph, operation: Operation) -> float:
    """Milliseconds; a few operations of the audit have no plan, which takes its time too."""
    started = time.process_time()
    with suppress(GatewayError):
        plan(supergraph, operation)
    return (time.process_time() - started) * 1000


def _made(name: str, own: bool) -> str:
    if name in COMPOSES:
        return "supergraphs of its own composition"
    return "supergraphs of our own composition" if own else "supergraphs of the audit's composition"


def _audit() -> str:
    return f"http://127.0.0.1:{AUDIT}"


def _get(path: str) -> Any:
    with urllib.request.urlopen(f"{_audit()}/{path}", timeout=60) as answer:
        return json.load(answer)


def _suites(
    peers: Peers, name: str, suites: list[str], own: bool, log: IO[bytes]
) -> tuple[int, int, int]:
    """How many cases are right, of how many, and in how many suites all of them."""
    right = total = whole = 0
    for suite in suites:
        cases = _get(f"{suite}/tests")
        total += len(cases)
        sdl = _composed(suite) if own else _theirs(suite)
        with peers.serving(name, sdl, _subgraphs(suite), GATEWAY, log) as url:
            wrong = [n for n, case in enumerate(cases) if url is None or not _right(url, case)]
        right += len(cases) - len(wrong)
        whole += not wrong
        if wrong:
            why = " (does not start)" if url is None else ""
            print(f"  wrong: {suite} {', '.join(f'#{n}' for n in wrong)}{why}", flush=True)
    return right, total, whole


def _subgraphs(suite: str) -> list[Subgraph]:
    return [Subgraph(s["name"], s["url"], s["sdl"]) for s in _get(f"{suite}/subgraphs")]


def _theirs(suite: str) -> str:
    with urllib.request.urlopen(f"{_audit()}/{suite}/supergraph", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def _composed(suite: str) -> str:
    found = compose(_subgraphs(suite))
    if not isinstance(found, Supergraph):
        sys.exit(f"{suite} does not compose: {found[0]}")
    return found.sdl


def _right(url: str, case: dict[str, Any]) -> bool:
    """The data are equal, and there are errors if some are expected; the audit asks no more."""
    try:
        said = post(url, {"query": case["query"], "variables": case.get("variables")})
    except (OSError, ValueError):
        return False
    expected = case["expected"]
    if expected.get("errors") and not said.get("errors"):
        return False
    return bool(said.get("data") == expected.get("data"))
