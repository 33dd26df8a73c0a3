"""`make demo`: a real ERP and a spreadsheet flow into the pool, and one query shows what became of
them. Uses the house that runs from this folder, or starts one; can be run again and again."""

from __future__ import annotations

import argparse
import os
import sys
import time

from onebox import house as plan
from onebox.demo import running, story, tryton
from onebox.demo.graph import Graph
from onebox.native import StartFailed


def main() -> int:
    """Tell the story; 0 when all of it came true."""
    asked = _arguments()
    os.umask(0o077)
    begun = time.monotonic()

    def say(line: str) -> None:
        if line and not line.startswith(("{", "#", " ", "}", "query")):
            line = f"[{time.monotonic() - begun:5.1f} s] {line}"
        print(line, flush=True)

    try:
        with (
            running.house(asked.port, say) as house,
            tryton.running(house.var / "tryton", say=say) as erp,
        ):
            say(f"Tryton 8.2 answers on {erp.url}")
            graph = Graph(house.url_of("gateway"), house.secret["company_password"])
            story.tell(graph, erp, house.var / "demo", parties=asked.parties, say=say)
            say("done")
    except StartFailed as problem:
        print(f"\nThe demo stopped: {problem}\n", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make demo",
        description=__doc__,
        epilog=f"Everything it makes is in {plan.folder()}; Tryton itself is in {tryton.CACHE}.",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get("PORT") or 8600),
        help="the first of eight ports, if a house has to be started (PORT or 8600)",
    )
    parser.add_argument(
        "--parties", type=int, default=300, help="companies in the ERP, 1 to 2000 (300)"
    )
    found = parser.parse_args()
    if not 1 <= found.parties <= 2000:
        parser.error("--parties must be 1 to 2000")
    return found


if __name__ == "__main__":
    sys.exit(main())
