"""Waits for a condition instead of a time: a busy machine needs longer, not another test."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 90.0


def wait_until(question: Callable[[], Any], seconds: float = PATIENCE, every: float = 0.02) -> Any:
    """Return the first answer that is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := question():
            return answer
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain")


def stretched(seconds: float) -> float:
    """Return the limit for something that takes `seconds` at most on a machine with
    a core to spare.

    Where more processes want to run than there are cores, each of them is as many times slower.
    """
    cores = os.cpu_count() or 1
    wanting, _, _ = os.getloadavg()
    with contextlib.suppress(OSError):
        wanting = max(wanting, int(Path("/proc/loadavg").read_text().split()[3].split("/")[0]))
    return seconds * max(1.0, wanting / cores)
