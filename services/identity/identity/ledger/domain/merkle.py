"""Merkle trees of RFC 6962 (Certificate Transparency), section 2.1.

Leaves and inner nodes are hashed under different first bytes, so that neither is accepted as the
other; a tree splits at the largest power of two below its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def hash_leaf(content: bytes) -> bytes:
    """Return the hash of a leaf."""
    return hashlib.sha256(b"\x00" + content).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_hash(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree of these leaf hashes.

    A last node without a sibling moves up as it is, which gives the same tree as splitting at
    powers of two, without recursion.
    """
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        above = [hash_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of a leaf: its siblings from the bottom to the top."""
    siblings, level, at = [], list(leaves), index
    while len(level) > 1:
        sibling = at ^ 1
        if sibling < len(level):
            siblings.append(level[sibling])
        above = [hash_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            above.append(level[-1])
        level, at = above, at // 2
    return siblings


def root_from_path(leaf_hash: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that a leaf and its audit path lead to (RFC 9162, 2.1.3.2).

    None if the path does not fit the index and size.
    """
    if not 0 <= index < size:
        return None
    at, last, node_hash = index, size - 1, leaf_hash
    for sibling in path:
        if last == 0:
            return None
        if at % 2 or at == last:
            node_hash = hash_node(sibling, node_hash)
            while at % 2 == 0 and at != 0:
                at, last = at >> 1, last >> 1
        else:
            node_hash = hash_node(node_hash, sibling)
        at, last = at >> 1, last >> 1
    return node_hash if last == 0 else None
