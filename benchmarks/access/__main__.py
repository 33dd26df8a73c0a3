"""Measures access control: `python -m benchmarks access`; the figures are saved in `results/`.

The figures are of a decision and the compiled table it comes from, of authenticating a caller, of
pages of a million customers under every row scope, of departments that move and people who leave,
and of the time from a published policy to the last service that applies it.
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
    parser.add_argument(
        "--handed", type=int, default=100_000, help="customers of the person who leaves"
    )
    parser.add_argument("--rounds", type=int, default=40, help="of each page")
    parser.add_argument("--changes", type=int, default=100, help="of the policy")
    options = parser.parse_args()
    for part in (options.only,) if options.only else PARTS:
        command = f"python -m benchmarks access --only {part}"
        if part == "decisions":
            figures = decisions.measure()
        elif part == "pages":
            figures = pages.measure(options.customers, options.rounds)
            command += f" --customers {options.customers} --rounds {options.rounds}"
        elif part == "people":
            figures = people.measure(options.customers, options.handed, options.rounds)
            command += f" --customers {options.customers} --handed {options.handed}"
        else:
            figures = publication.measure(options.changes)
            command += f" --changes {options.changes}"
        save(part, figures, command)


if __name__ == "__main__":
    main()
