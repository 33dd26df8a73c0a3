"""What access costs: `python -m benchmarks access`; the figures are kept in `results/`.

A decision and the table it comes from, recognising who asks, pages of a million customers under every row
scope, departments that move and people who leave, and the time from a published policy to the last service
that keeps to it.
"""

from __future__ import annotations

import argparse

from benchmarks.access import decisions, pages, people, publication
from benchmarks.access.figures import save

PARTS = ("decisions", "pages", "people", "publication")


def main() -> None:
    """Measure one part or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--handed", type=int, default=100_000, help="customers of who leaves")
    parser.add_argument("--rounds", type=int, default=40, help="of each page")
    parser.add_argument("--changes", type=int, default=100, help="of the policy")
    asked = parser.parse_args()
    for part in (asked.only,) if asked.only else PARTS:
        command = f"python -m benchmarks access --only {part}"
        if part == "decisions":
            found = decisions.measure()
        elif part == "pages":
            found = pages.measure(asked.customers, asked.rounds)
            command += f" --customers {asked.customers} --rounds {asked.rounds}"
        elif part == "people":
            found = people.measure(asked.customers, asked.handed, asked.rounds)
            command += f" --customers {asked.customers} --handed {asked.handed}"
        else:
            found = publication.measure(asked.changes)
            command += f" --changes {asked.changes}"
        save(part, found, command)


if __name__ == "__main__":
    main()
