"""What was measured, held against what was promised."""

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
    """One number; `bar` is the most it may be, if anything was promised."""

    name: str
    value: float
    unit: str
    bar: float | None = None
    remark: str = ""

    @property
    def good(self) -> bool:
        return self.bar is None or self.value <= self.bar


def percentile(times: Sequence[float], share: float) -> float:
    """The time that this share of them does not exceed."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def timed(work: Callable[[], object], count: int, *, warm: int = 0) -> list[float]:
    """Seconds of each of `count` calls."""
    for _ in range(warm):
        work()
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return times


def each(work: Callable[[], object], count: int, rounds: int = 7) -> float:
    """Seconds a call costs in a loop: the best of some rounds, as others use the machine too."""
    best = float("inf")
    for _ in range(rounds):
        begun = time.perf_counter()
        for _ in range(count):
            work()
        best = min(best, (time.perf_counter() - begun) / count)
    return best


def save(part: str, figures: Sequence[Figure], command: str) -> None:
    """Print them, and keep them beside what was measured before of other parts."""
    for one in figures:
        mark = (
            "" if one.bar is None else f"   (at most {one.bar:g}: {'ok' if one.good else 'MISSED'})"
        )
        print(f"{one.name:86}{one.value:10.3f} {one.unit}{mark}")
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "results.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known[part] = {
        "command": command,
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[1]:.1f} on {os.cpu_count()} cores",
        "figures": [asdict(one) for one in figures],
    }
    path.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n")
    (RESULTS / "results.md").write_text(_table(known))


def _table(known: dict[str, dict[str, object]]) -> str:
    lines = ["# Access: what it costs", ""]
    for part, told in sorted(known.items()):
        lines += [
            f"## {part}",
            "",
            f"`{told['command']}`, Python {told['python']}, load {told['load']}",
            "",
        ]
        lines += ["| what | measured | promised |", "|---|---|---|"]
        figures = told["figures"]
        assert isinstance(figures, list)
        for one in figures:
            bar = "" if one["bar"] is None else f"≤ {one['bar']:g} {one['unit']}"
            remark = f" {one['remark']}" if one["remark"] else ""
            lines.append(f"| {one['name']}{remark} | {one['value']:.3g} {one['unit']} | {bar} |")
        lines.append("")
    return "\n".join(lines)
