"""The output at the terminal while a run starts, and when it is ready."""

from __future__ import annotations

import sys
import textwrap
import time
import unicodedata
from collections.abc import Iterable

from onebox.company import PEOPLE
from onebox.house import House
from onebox.members import FIRST_QUERY

_TITLES = {
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
    "worker": "worker and scheduler",
    "traces": "traces",
}


class Screen:
    """One line per step, the same on a terminal and in a file."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def line(self, text: str = "") -> None:
        """Print a line immediately."""
        print(text, flush=True)

    def done(self, name: str, seconds: float) -> None:
        """Print that a step is done, with its seconds."""
        mark = "✓" if (sys.stdout.encoding or "").lower().startswith("utf") else "+"
        self.line(f"  {mark} {_TITLES.get(name, name):<28}{seconds:5.1f} s")

    def problem(self, text: str) -> None:
        """Print a problem to the error output."""
        print(f"\n{textwrap.indent(text, '  ')}\n", file=sys.stderr, flush=True)

    def welcome(self, house: House) -> None:
        """Print the addresses and the users who can sign in."""
        people = [
            (person.username, person.name, person.role, person.department[-1]) for person in PEOPLE
        ]
        gateway = house.url_of("gateway")
        self.line(f"""
  Huichi 汇池 is ready after {time.monotonic() - self._begun:.1f} s

    GraphQL    {gateway}/graphql
    GraphiQL   {gateway}/graphiql
    Traces     {house.url_of("traces")}/

  Who can sign in, all with the password {house.secret["company_password"]}
""")
        for row in _columns([("username", "name", "role", "department"), *people]):
            self.line(f"    {row}")
        self.line("\n  A first query: open GraphiQL, sign in as admin, and run\n")
        self.line(textwrap.indent(FIRST_QUERY.rstrip(), "    "))
        self.line(f"\n  Data and logs are in {house.var}. Ctrl-C stops everything.\n")


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    table = list(rows)
    widths = [max(_width(row[column]) for row in table) for column in range(len(table[0]))]
    return [
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]


def _width(text: str) -> int:
    # A Chinese character is two columns wide on a terminal (UAX #11).
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
