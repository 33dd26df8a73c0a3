"""New ids: UUID version 7 (RFC 9562), so that ids of one process sort by their creation."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """Return a UUID with 48 bits of milliseconds, a 12-bit counter and 62 random bits."""
    global _last  # the counter outlives the call by design
    with _lock:
        stamp = max(time.time_ns() // 1_000_000 << 12, _last + 1)
        _last = stamp
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=(stamp >> 12) << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 2 << 62 | random)


def uuid_or_none(text: str | None) -> UUID | None:
    """Parse an id; return `None` where the text is none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
