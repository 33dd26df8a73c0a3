"""Results as tables: the same rows for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Table:
    """One table."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]] = field(default_factory=list)
    run: str = ""
    """When, how long, and what else the machine did."""

    def add(self, *cells: object) -> None:
        """One more row."""
        self.rows.append(cells)

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {"title": self.title, "run": self.run, "columns": self.columns, "rows": self.rows}


def render(about: Mapping[str, object], tables: Sequence[Table]) -> str:
    """Markdown."""
    versions = about["versions"]
    assert isinstance(versions, Mapping)
    lines = [
        "# The gateway beside its peers",
        "",
        f"{about['processor']}, one core for the gateway. Made by `python -m benchmarks gateway --save`; "
        "with `--only` the other tables stay as they were.",
        "",
        "Every request carries a signed token (EdDSA), of 2,000 callers in turn, so no two requests under "
        "way are equal and nothing can be answered twice. Ours verifies it, validates, limits, checks "
        "every value and null, counts, and records one request in a hundred; its peers pass the token "
        "on unchecked. "
        "Grafbase's gateway is on npm only inside its CLI (`grafbase dev`). All gateways gave equal "
        "answers before they were timed.",
        "",
        "Versions: " + ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
    ]
    for table in tables:
        lines += ["", f"## {table.title}", "", f"{table.run}.", ""]
        lines += ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
        lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def kept(before: Mapping[str, Any], now: Sequence[Table]) -> list[Table]:
    """The tables of now in the places of those that they replace, and the others as they were."""
    fresh = {table.title: table for table in now}
    old = [
        Table(one["title"], tuple(one["columns"]), [tuple(row) for row in one["rows"]], one["run"])
        for one in before.get("tables", ())
    ]
    known = {table.title for table in old}
    return [fresh.get(table.title, table) for table in old] + [
        table for table in now if table.title not in known
    ]


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)
