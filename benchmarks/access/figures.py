"""Figures: measured values, compared with the values that were promised."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `bar` is the largest value that was promised, None without a promise."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    remark: str = ""

    @property
    def good(self) -> bool:
        """Return whether the promise is kept."""
        return self.bar is None or self.value <= self.bar


def percentile(times: Sequence[float], share: float) -> float:
    """Return the time that this share of the times does not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(work: Callable[[], object], count: int, *, warm: int = 0) -> list[float]:
    """Return the seconds of each of `count` calls, after `warm` calls that are not measured."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def each(work: Callable[[], object], count: int, rounds: int = 7) -> float:
    """Return the seconds a call takes in a loop.

    The best of several rounds counts, because other programs use the machine too.
    """
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for _ in range(count):
            work()
        best = min(best, (time.perf_counter() - started) / count)
    return best


def save(part: str, figures: Sequence[Figure], command: str) -> None:
    """Print the figures of a part, and save them beside the earlier figures of other parts."""
    for figure in figures:
        mark = ""
        if figure.bar is not None:
            mark = f"   (at most {figure.bar:g}: {'ok' if figure.good else 'MISSED'})"
        print(f"{figure.name:86}{figure.value:10.3f} {figure.unit}{mark}")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "results.json"
    parts = json.loads(path.read_text()) if path.exists() else {}
    parts[part] = {
        "command": command,
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} cores",
        "figures": [asdict(figure) for figure in figures],
    }
    path.write_text(json.dumps(parts, indent=1, ensure_ascii=False) + "\n")
    (RESULTS / "results.md").write_text(_table(parts))


def _table(parts: dict[str, dict[str, object]]) -> str:
    lines = ["# Access: what it costs", ""]
    for part, result in sorted(parts.items()):
        lines += [
            f"## {part}",
            "",
            f"`{result['command']}`, Python {result['python']}, load {result['load']}",
            "",
        ]
        lines += ["| what | measured | promised |", "|---|---|---|"]
        figures = result["figures"]
        assert isinstance(figures, list)
        for figure in figures:
            unit = figure["unit"]
            bar = "" if figure["bar"] is None else f"≤ {figure['bar']:g} {unit}"
            remark = f" {figure['remark']}" if figure["remark"] else ""
            lines.append(f"| {figure['name']}{remark} | {figure['value']:.3g} {unit} | {bar} |")
        lines.append("")
    return "\n".join(lines)
