"""Compares our gateway with its peers: `python -m benchmarks gateway` (Linux, two cores or more).

The gateway runs on a core of its own, one gateway at a time; subgraphs and clients share another
core. The measure is processor time of the gateway's process tree, since requests a second on a
shared machine mean little. Before anything is timed, all gateways must give the same answers.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.gateway.gateways import GATEWAYS, install
from benchmarks.gateway.processes import stay_off_the_gateways_core
from benchmarks.gateway.runner import Runner
from benchmarks.gateway.sections import SECTIONS, check_equal_answers
from benchmarks.gateway.tables import merge_tables, render

RESULTS = Path(__file__).with_name("results")


def main() -> None:
    """Measure, print tables, and save them as JSON and text if `--save` is set."""
    options = _options()
    stay_off_the_gateways_core()
    gateways = [
        gateway
        for gateway in GATEWAYS
        if not options.gateways or any(w.lower() in gateway.name.lower() for w in options.gateways)
    ]
    if any(gateway.packages for gateway in gateways):
        reason = install(options.npm)
        if reason:
            print(f"{reason}: only our gateway is measured.", file=sys.stderr)
            gateways = [gateway for gateway in gateways if not gateway.packages]
    with tempfile.TemporaryDirectory(prefix="gateway-benchmark-") as folder:
        runner = Runner(
            gateways, options.npm, Path(folder), options.port, options.seconds, options.rounds
        )
        check_equal_answers(runner)
        for name in options.only:
            SECTIONS[name](runner)
    report(runner, save=options.save)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION")
    add("--gateways", nargs="+", metavar="WORD", help="those whose names contain a word")
    add("--seconds", type=float, default=4, help="of each measurement (default: 4)")
    add("--rounds", type=int, default=3, help="of all gateways in turn (default: 3)")
    add("--port", type=int, default=28700, help="this one and the next (default: 28700)")
    add(
        "--npm",
        type=Path,
        default=Path(tempfile.gettempdir()) / "gateway-benchmark-peers",
        help="folder that the peers are installed into (default: %(default)s)",
    )
    add("--save", action="store_true", help="write results/ beside this file")
    return parser.parse_args()


def report(runner: Runner, *, save: bool) -> None:
    """Print the tables of a run; with `save`, also replace them in `results/`."""
    about = {
        "processor": _processor(),
        "python": platform.python_version(),
        "versions": {g.name: g.version(runner.npm) for g in runner.gateways},
    }
    for table in runner.tables:
        table.run = (
            f"{datetime.now(UTC).date().isoformat()}, median of {runner.rounds} rounds of "
            f"{runner.seconds:g} s, load of the machine before {runner.load}"
        )
    print(render(about, runner.tables))
    if save:
        RESULTS.mkdir(exist_ok=True)
        file = RESULTS / "results.json"
        earlier = json.loads(file.read_text()) if file.exists() else {}
        tables = merge_tables(earlier, runner.tables)
        (RESULTS / "results.md").write_text(render(about, tables) + "\n")
        data = {"about": about, "tables": [table.to_json() for table in tables]}
        file.write_text(json.dumps(data, indent=2) + "\n")


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")


if __name__ == "__main__":
    main()
