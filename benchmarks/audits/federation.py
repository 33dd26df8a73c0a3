"""The public federation gateway audit: `python -m benchmarks audits federation --checkout DIR`.

DIR is a checkout of github.com/graphql-hive/federation-gateway-audit. Its server runs in Node; each
suite's supergraph is served by the gateway in a process of its own, first as the audit composes it,
then (ours only) as our composition does, and every answer is compared deeply. The time of planning
is measured too: each operation as a new one, on a supergraph that is already indexed.
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
from benchmarks.audits.peers import COMPOSES, Peers, add_options, post
from gateway.composition import compose
from gateway.errors import GatewayError
from gateway.operation import Operation, parse_document, select_operation
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
    """Run the audit; return 0 when every case is right with both kinds of supergraph."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits federation")
    parser.add_argument("--checkout", type=Path, required=True)
    parser.add_argument("--suite", action="append", help="only this one; may be repeated")
    add_options(parser)
    options = parser.parse_args(arguments)
    if not (options.checkout / "src" / "test-suites").is_dir():
        parser.error(
            f"{options.checkout} is not a checkout of the audit: it has no src/test-suites"
        )
    peers = Peers(options)
    folder = install("federation", PACKAGES)
    shutil.copytree(options.checkout / "src", folder / "src", dirs_exist_ok=True)
    (folder / "serve.ts").write_text(
        f'import {{ serve }} from "./src/index.js";\nawait serve({AUDIT});\n'
    )
    wrong = 0
    with (folder / "audit.log").open("wb") as log:
        command = node(folder, "--import", "./loopback.mjs", "--import", "tsx", "serve.ts")
        with running(command, f"{_audit()}/_health", log, cwd=folder):
            suites = options.suite or _get("ids")
            for name in peers.names:
                for own in (False, True) if name == "ours" else (False,):
                    right, total, whole = _run_suites(peers, name, suites, own, log)
                    composer = _composer(name, own)
                    print(
                        f"{peers.title(name)}, {composer}: {right} of {total} cases, "
                        f"{whole} of {len(suites)} suites",
                        flush=True,
                    )
                    wrong += total - right
            if "ours" in peers.names:
                _print_planning_times(suites)
    return 1 if wrong else 0


def _print_planning_times(suites: list[str]) -> None:
    """Print the processor time from a parsed operation to its plan; medians of five runs."""
    spent: list[float] = []
    for suite in suites:
        supergraph = load(_audit_supergraph(suite))
        cases = _get(f"{suite}/tests")
        operations = [select_operation(parse_document(case["query"]), None) for case in cases]
        for operation in operations:  # fill the indexes of the supergraph
            _planning_time(supergraph, operation)
        spent += [
            statistics.median(_planning_time(supergraph, operation) for _ in range(5))
            for operation in operations
        ]
    spent.sort()
    print(
        f"planning {len(spent)} operations: median {statistics.median(spent):.2f} ms, "
        f"99th percentile {spent[int(len(spent) * 0.99)]:.2f} ms, slowest {spent[-1]:.2f} ms"
    )


def _planning_time(supergraph: Supergraph, operation: Operation) -> float:
    """Return the milliseconds of planning; of a failure too, as a few operations have no plan."""
    started = time.process_time()
    with suppress(GatewayError):
        plan(supergraph, operation)
    return (time.process_time() - started) * 1000


def _composer(name: str, own: bool) -> str:
    if name in COMPOSES:
        return "supergraphs of its own composition"
    return "supergraphs of our own composition" if own else "supergraphs of the audit's composition"


def _audit() -> str:
    return f"http://127.0.0.1:{AUDIT}"


def _get(path: str) -> Any:
    with urllib.request.urlopen(f"{_audit()}/{path}", timeout=60) as answer:
        return json.load(answer)


def _run_suites(
    peers: Peers, name: str, suites: list[str], own: bool, log: IO[bytes]
) -> tuple[int, int, int]:
    """Return the number of right cases, of all cases, and of suites with only right cases."""
    right = total = whole = 0
    for suite in suites:
        cases = _get(f"{suite}/tests")
        total += len(cases)
        sdl = _own_supergraph(suite) if own else _audit_supergraph(suite)
        with peers.serving(name, sdl, _subgraphs(suite), GATEWAY, log) as url:
            wrong = [n for n, case in enumerate(cases) if url is None or not _is_right(url, case)]
        right += len(cases) - len(wrong)
        whole += not wrong
        if wrong:
            reason = " (does not start)" if url is None else ""
            print(f"  wrong: {suite} {', '.join(f'#{n}' for n in wrong)}{reason}", flush=True)
    return right, total, whole


def _subgraphs(suite: str) -> list[Subgraph]:
    return [Subgraph(s["name"], s["url"], s["sdl"]) for s in _get(f"{suite}/subgraphs")]


def _audit_supergraph(suite: str) -> str:
    with urllib.request.urlopen(f"{_audit()}/{suite}/supergraph", timeout=60) as answer:
        text: str = answer.read().decode()
        return text


def _own_supergraph(suite: str) -> str:
    result = compose(_subgraphs(suite))
    if not isinstance(result, Supergraph):
        sys.exit(f"{suite} does not compose: {result[0]}")
    return result.sdl


def _is_right(url: str, case: dict[str, Any]) -> bool:
    """Return whether an answer is right, as the audit defines it.

    The data are equal, and there are errors if errors are expected.
    """
    try:
        answer = post(url, {"query": case["query"], "variables": case.get("variables")})
    except (OSError, ValueError):
        return False
    expected = case["expected"]
    if expected.get("errors") and not answer.get("errors"):
        return False
    return bool(answer.get("data") == expected.get("data"))
