"""Compares random federated worlds with one server: `python -m benchmarks audits differential`.

Schemas, data and operations are random; the federated answer must equal the answer of one schema
with the same data. A wrong case is shrunk until no part can be removed, then printed. Nothing is
downloaded.
"""

from __future__ import annotations

import argparse
import time

from tests.gateway.differential.cases import cases, composed, shrunk


def main(arguments: list[str]) -> int:
    """Compare the answers; return 0 when every answer is right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks audits differential")
    parser.add_argument("--worlds", type=int, default=200, help="default: %(default)s")
    parser.add_argument("--queries", type=int, default=5, help="of each world (default: 5)")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="default: 0")
    options = parser.parse_args(arguments)
    right = wrong = not_composed = 0
    started = time.monotonic()
    for seed in range(options.first, options.first + options.worlds):
        for number, case in enumerate(cases(seed, options.queries)):
            if number == 0 and composed(case.world) is None:
                not_composed += 1
                break
            if case.wrong() is None:
                right += 1
            else:
                wrong += 1
                print(f"seed {seed}, made smaller:\n{shrunk(case).description()}", flush=True)
        if (seed - options.first) % 20 == 19:
            print(f"  {seed - options.first + 1} worlds, {right} right, {wrong} wrong", flush=True)
    total = right + wrong
    print(
        f"differential: {right} of {total} answers right, "
        f"in {options.worlds - not_composed} random worlds from seed {options.first}, "
        f"{time.monotonic() - started:.0f} s"
    )
    return 1 if wrong or not total else 0
