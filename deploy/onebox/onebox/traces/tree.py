"""Order the spans of a trace as a tree: each below its parent, siblings by start time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Node:
    """A span with its depth; the parent of an orphan has not arrived or was not recorded."""

    span: Mapping[str, Any]
    depth: int
    orphan: bool = False


def walk(spans: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    """Yield every span once, each after its parent, siblings by start time.

    A cycle of parents is entered at its first span.
    """
    spans_by_id = {bytes(span["span_id"]): span for span in spans}
    children: dict[bytes | None, list[Mapping[str, Any]]] = {}
    for span in spans:
        parent = bytes(span["parent_id"]) if span["parent_id"] else None
        children.setdefault(parent if parent in spans_by_id else None, []).append(span)
    seen: set[bytes] = set()
    for root in (*children.get(None, ()), *spans):
        yield from _below(root, children, seen)


def _below(
    root: Mapping[str, Any],
    children: Mapping[bytes | None, list[Mapping[str, Any]]],
    seen: set[bytes],
) -> Iterator[Node]:
    # An explicit stack, since a trace may be deeper than Python's recursion limit.
    waiting = [(root, 0)]
    while waiting:
        span, depth = waiting.pop()
        key = bytes(span["span_id"])
        if key in seen:
            continue
        seen.add(key)
        yield Node(span, depth, orphan=depth == 0 and span["parent_id"] is not None)
        waiting += [(child, depth + 1) for child in reversed(children.get(key, []))]
