"""Results as tables: the same rows as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Table:
    """A table of results."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]] = field(default_factory=list)
    run: str = ""
    """The date, the duration, and the load of the machine before."""

    def add(self, *cells: object) -> None:
        """Add a row."""
        self.rows.append(cells)

    def to_json(self) -> dict[str, object]:
        """Return the table as JSON."""
        return {"title": self.title, "run": self.run, "columns": self.columns, "rows": self.rows}


def render(about: Mapping[str, object], tables: Sequence[Table]) -> str:
    """Return the tables as Markdown."""
    versions = about["versions"]
    assert isinstance(versions, Mapping)
    lines = [
        "# The gateway beside its peers",
        "",
        f"{about['processor']}, one core for the gateway. Made by "
        "`python -m benchmarks gateway --save`; "
        "with `--only` the other tables stay as they were.",
        "",
        "Every request carries a signed token (EdDSA), of 2,000 callers in turn, so no two "
        "requests under way are equal and nothing can be answered twice. Ours verifies it, "
        "validates, limits, checks every value and null, counts, and records one request in a "
        "hundred; its peers pass the token on unchecked. Grafbase's gateway is on npm only inside "
        "its CLI (`grafbase dev`). All gateways gave equal answers before they were timed.",
        "",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
    ]
    for table in tables:
        lines += ["", f"## {table.title}", "", f"{table.run}.", ""]
        lines += ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
        lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def merge_tables(before: Mapping[str, Any], now: Sequence[Table]) -> list[Table]:
    """Return the earlier tables, where new ones replace those of the same title."""
    fresh = {table.title: table for table in now}
    old = [
        Table(
            saved["title"],
            tuple(saved["columns"]),
            [tuple(row) for row in saved["rows"]],
            saved["run"],
        )
        for saved in before.get("tables", ())
    ]
    titles = {table.title for table in old}
    return [fresh.get(table.title, table) for table in old] + [
        table for table in now if table.title not in titles
    ]


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)
