"""Merkle trees as RFC 6962 (Certificate Transparency) has them, section 2.1.

A leaf and an inner node are hashed under different first bytes, so that neither passes for the other;
a tree splits at the largest power of two below its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH = 32
EMPTY = hashlib.sha256(b"").digest()


def leaf(content: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The hash of the tree of these leaf hashes. A last node without a neighbour moves up as it is,
    which gives the same tree as splitting at powers of two, without recursion."""
    level = list(leaves)
    if not level:
        return EMPTY
    while len(level) > 1:
        above = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of one leaf: its neighbours from the bottom to the top."""
    found, level, at = [], list(leaves), index
    while len(level) > 1:
        neighbour = at ^ 1
        if neighbour < len(level):
            found.append(level[neighbour])
        above = [node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level, at = above, at // 2
    return found


def root_of(hashed: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to, by RFC 9162, 2.1.3.2; None: the path does not fit."""
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, hashed
    for neighbour in path:
        if last == 0:
            return None
        if at % 2 or at == last:
            found = node(neighbour, found)
            while at % 2 == 0 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, neighbour)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None
