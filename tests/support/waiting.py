"""Waits for a condition instead of a time: a busy machine needs longer, not another test."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


def wait_until(question: Callable[[], Any], seconds: float = 30, every: float = 0.02) -> Any:
    """The first answer that is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if answer := question():
            return answer
        time.sleep(every)
    raise AssertionError(f"waited {seconds} s in vain")
