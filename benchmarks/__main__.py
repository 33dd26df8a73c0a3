"""Runs the benchmarks: `python -m benchmarks` lists them, `python -m benchmarks gateway` runs one."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Run the benchmark named first; the rest of the command line is its own."""
    known = sorted(path.parent.name for path in HERE.glob("*/__main__.py"))
    if len(sys.argv) < 2 or sys.argv[1] not in known:
        sys.exit(f"usage: python -m benchmarks {{{'|'.join(known)}}} [--help]")
    name = sys.argv.pop(1)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
