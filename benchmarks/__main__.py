"""Runs a benchmark: `python -m benchmarks` lists them, `python -m benchmarks gateway` runs one."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run the benchmark that the first argument names with the remaining arguments."""
    names = sorted(path.parent.name for path in HERE.glob("*/__main__.py"))
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"usage: python -m benchmarks {{{'|'.join(names)}}} [--help]")
    name = sys.argv.pop(1)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
