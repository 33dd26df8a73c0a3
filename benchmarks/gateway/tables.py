"""Results as tables: the same rows for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Table:
    """One table."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[object, ...]] = field(default_factory=list)

    def add(self, *cells: object) -> None:
        """One more row."""
        self.rows.append(cells)

    def to_json(self) -> dict[str, object]:
        """For programs."""
        return {"title": self.title, "columns": self.columns, "rows": self.rows}


def render(about: Mapping[str, object], tables: Sequence[Table]) -> str:
    """Markdown."""
    versions = about["versions"]
    assert isinstance(versions, Mapping)
    lines = [
        "# The gateway beside its peers",
        "",
        f"{about['date']}, {about['processor']}, one core for the gateway, "
        f"median of {about['rounds']} rounds of {about['seconds']:g} s, "
        f"load of the machine before {about['load']}. "
        "Made by `python -m benchmarks gateway --save`.",
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
        lines += ["", f"## {table.title}", ""]
        lines += ["| " + " | ".join(table.columns) + " |", "|---" * len(table.columns) + "|"]
        lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in table.rows]
    return "\n".join(lines)


def _cell(cell: object) -> str:
    return f"{cell:,}" if isinstance(cell, int | float) else str(cell)
