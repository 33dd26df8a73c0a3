"""`make demo`: an ERP and a spreadsheet are read into the pool, and one query shows the result.

It uses the Huichi that runs from this folder, or starts one, and can be repeated.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from onebox import house as plan
from onebox.demo import story, tryton
from onebox.demo.graph import Graph
from onebox.demo.running import running_house
from onebox.servers.native import StartFailed


def main() -> int:
    """Run the demo and return the exit status: 0 when every step succeeded."""
    arguments = _arguments()
    os.umask(0o077)
    begun = time.monotonic()

    def say(line: str) -> None:
        if line and not line.startswith(("{", "#", " ", "}", "query")):
            line = f"[{time.monotonic() - begun:5.1f} s] {line}"
        print(line, flush=True)

    try:
        with (
            running_house(arguments.port, say) as house,
            tryton.running(house.var / "tryton", say=say) as erp,
        ):
            say(f"Tryton 8.2 answers on {erp.url}")
            graph = Graph(house.url_of("gateway"), house.secret["company_password"])
            story.run(graph, erp, house.var / "demo", parties=arguments.parties, say=say)
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
        epilog=f"Its data is in {plan.folder()}; Tryton itself is in {tryton.CACHE}.",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=int(os.environ.get("PORT") or 8600),
        help="the first of eight ports, if Huichi has to be started (PORT or 8600)",
    )
    parser.add_argument(
        "--parties", type=int, default=300, help="companies in the ERP, 1 to 2000 (300)"
    )
    arguments = parser.parse_args()
    if not 1 <= arguments.parties <= 2000:
        parser.error("--parties must be 1 to 2000")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
