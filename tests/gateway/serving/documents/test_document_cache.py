"""New documents: what they leave behind, and that they push out none that comes again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from gateway.operation import parse_document
from gateway.serving.cache import SegmentedLruCache
from gateway.serving.documents.document_cache import DocumentCache
from gateway.serving.documents.prepared_operation import PreparedOperation
from gateway.serving.documents.refusal import Refused
from gateway.settings import Settings
from tests.gateway.graphs import a_supergraph

GRAPH = a_supergraph(
    accounts='type Query { users: [User!]! } type User @key(fields: "id") { id: ID! name: String }',
    reviews="""
      type User @key(fields: "id") { id: ID! reviews(first: Int): [Review!] }
      type Review { id: ID! text: String product: Product }
      type Product @key(fields: "upc") { upc: ID! }
    """,
    stock='type Product @key(fields: "upc") { upc: ID! left: Int }',
)
QUERIES = [
    "{ NEW: users { name reviews { text product { upc left } } } }",
    "query($n: Int, $yes: Boolean!) { NEW: users { ...F reviews(first: $n) { id } } }"
    " fragment F on User { id name @include(if: $yes) again: reviews { product { left } } }",
]


def documents(**more: Any) -> DocumentCache:
    return DocumentCache(GRAPH, Settings(supergraph=Path("unused"), **more))


def prepare(known: DocumentCache, text: str) -> PreparedOperation | Refused:
    return known.prepare(text, None, lambda _: nullcontext())


@contextmanager
def circles() -> Iterator[list[str]]:
    """What of the gateway or of graphql-core only the collector could free."""
    found: list[str] = []
    gc.collect()
    gc.disable()
    gc.freeze()  # what other tests left, and still hold, is not looked at
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        for thing in gc.garbage:
            kind: Any = thing if hasattr(thing, "__qualname__") else type(thing)
            if str(kind.__module__).split(".")[0] in ("gateway", "graphql"):
                found.append(f"{kind.__module__}.{kind.__qualname__}")
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.unfreeze()
        gc.enable()


@pytest.mark.parametrize("query", QUERIES, ids=["plain", "variables"])
def test_a_new_document_leaves_no_circles(query: str) -> None:
    known = documents(documents=10)
    for number in range(3):
        assert isinstance(prepare(known, query.replace("NEW", f"warm{number}")), PreparedOperation)

    with circles() as found:
        for number in range(5):
            prepare(known, query.replace("NEW", f"new{number}"))

    # Validating variables makes some in graphql-core, none of ours.
    assert [one for one in found if one.startswith("gateway") or "$" not in query] == []


def test_a_long_document_is_forgotten_without_trouble() -> None:
    document = parse_document("{" + " ".join(f"a{n}: b" for n in range(50_000)) + "}")

    assert document.loc is not None
    assert document.loc.end_token.prev is None
    del document


def test_documents_that_come_again_stay_whatever_else_is_asked() -> None:
    known = documents(documents=20)
    text = QUERIES[0].replace("NEW", "mine")
    prepare(known, text)
    assert known.cached(text, None) is not None

    for number in range(500):
        prepare(known, QUERIES[0].replace("NEW", f"new{number}"))

    assert known.cached(text, None) is not None
    assert len(known.entries) <= 2 + 1


def test_what_is_asked_once_gives_way() -> None:
    kept: SegmentedLruCache[int, str] = SegmentedLruCache(20, 1_000)
    for key in range(3):
        kept.put(key, f"value {key}", 1)

    assert [kept.get(key) for key in range(3)] == [None, "value 1", "value 2"]
    assert list(kept.keys()) == [1, 2]


def test_what_is_too_long_is_not_kept() -> None:
    kept: SegmentedLruCache[str, int] = SegmentedLruCache(20, 100)

    kept.put("long", 1, 51)
    kept.put("short", 2, 50)

    assert (kept.get("long"), kept.get("short")) == (None, 2)


def test_the_proven_are_forgotten_by_age_of_use() -> None:
    kept: SegmentedLruCache[int, int] = SegmentedLruCache(3, 100)
    for key in range(4):
        kept.put(key, key, 1)
        kept.get(key)

    assert list(kept.keys()) == [1, 2, 3]
