"""New ids: UUID version 7 (RFC 9562), so that ids of one process sort by their making."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def new_id() -> UUID:
    """48 bits of milliseconds, 12 bits that count within one, 62 random bits."""
    global _last  # the counter must outlive the call, that is what it is for
    with _lock:
        stamp = max(time.time_ns() // 1_000_000 << 12, _last + 1)
        _last = stamp
    random = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    return UUID(int=(stamp >> 12) << 80 | 7 << 76 | (stamp & 0xFFF) << 64 | 2 << 62 | random)


def uuid_or_none(text: str | None) -> UUID | None:
    """The id that a text is, if it is one."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
