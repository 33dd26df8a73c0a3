"""Random federated worlds against one server: `python -m benchmarks audits differential --worlds 1000`.

Random schemas, data and operations; the federated answer must equal the answer of one schema that holds the
same data. A wrong one is made smaller until nothing can be left out, then printed. Needs nothing from outside.
"""

from __future__ import annotations

import argparse
import time

from tests.gateway.differential.cases import cases, composed, shrunk


def main(arguments: list[str]) -> int:
    """Compare; 0 when every answer is right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits differential")
    parser.add_argument("--worlds", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--queries", type=int, default=5, help="of each world (default: 5)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="default: 0")
    asked = parser.parse_args(arguments)
    right = wrong = unwalkable = 0
    began = time.monotonic()
    for seed in range(asked.first, asked.first + asked.worlds):
        for number, case in enumerate(cases(seed, asked.queries)):
            if number == 0 and composed(case.world) is None:
                unwalkable += 1
                break
            if case.wrong() is None:
                right += 1
            else:
                wrong += 1
                print(f"seed {seed}, made smaller:\n{shrunk(case).told()}", flush=True)
        if (seed - asked.first) % 20 == 19:
            print(f"  {seed - asked.first + 1} worlds, {right} right, {wrong} wrong", flush=True)
    total = right + wrong
    print(
        f"differential: {right} of {total} answers right, in {asked.worlds - unwalkable} random "
        f"worlds from seed {asked.first}, {time.monotonic() - began:.0f} s"
    )
    return 1 if wrong or not total else 0
