"""Runs the random tests again and again, each round with other cases, until the time is over.

`make soak MINUTES=30` starts with a round of its own choice and prints it; `make soak ROUND=7`
begins with that one, to see a failure again.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support import budget

INTERRUPT_SECONDS = 60
ROOT = Path(__file__).resolve().parents[2]
RANDOM = ("mark.soak", "@given(")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run rounds until one fails or the minutes are over; return the status for the shell."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--round", type=int, default=int(time.time()) % 1_000_000)
    options, pytest_arguments = parser.parse_known_args(arguments)
    until = time.monotonic() + options.minutes * 60
    number, done = options.round, 0
    while time.monotonic() < until:
        print(
            f"soak: round {number}, {(until - time.monotonic()) / 60:.1f} minutes left", flush=True
        )
        status = run_round(number, pytest_arguments, until)
        if status is None:
            break
        if status != 0:
            print(f"soak: round {number} failed; again: make soak ROUND={number}")
            return status
        number, done = number + 1, done + 1
    print(f"soak: {done} whole rounds without a failure, the time is over")
    return 0


def files() -> list[str]:
    """Return the files with random tests: collecting all others would take a minute."""
    return sorted(
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if any(sign in path.read_text() for sign in RANDOM)
    )


def run_round(number: int, pytest_arguments: Sequence[str], until: float) -> int | None:
    """Run all random tests once; return the status of pytest, or None when the time ended first."""
    environment = os.environ | {
        budget.ROUND: str(number),
        budget.QUESTIONS: "10000",
        budget.QUESTIONS_SEED: str(number),
    }
    # With -x a failure ends the round at once; the end of the time could hide it otherwise.
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "soak", "--parallel", *files()]
    process = subprocess.Popen([*command, *pytest_arguments], env=environment)
    try:
        return process.wait(max(1.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(INTERRUPT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return None


if __name__ == "__main__":
    sys.exit(main())
