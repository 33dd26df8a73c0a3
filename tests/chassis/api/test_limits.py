"""Documents are bounded before they are validated, in time linear in their text."""

from __future__ import annotations

import time

import pytest
from graphql import parse

from chassis.api.limits import Limits, check
from chassis.errors import BadInput, LimitExceeded


def test_counts_a_fragment_bomb_without_expanding_it() -> None:
    bomb = "".join(f"fragment f{i} on Q {{ ...f{i + 1} ...f{i + 1} }} " for i in range(28))
    document = parse("{ ...f0 } " + bomb + "fragment f28 on Q { a }")

    started = time.perf_counter()
    with pytest.raises(LimitExceeded) as refused:
        check(document, Limits())

    assert refused.value.extra == {"limit": "fields", "asked": 2**28, "allowed": 5000}
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("{" + "a{" * 21 + "b" + "}" * 21 + "}", "depth"),
        ("{" + " ".join(f"x{i}: a" for i in range(501)) + "}", "aliases"),
        ("{ a " + "@skip(if: false) " * 501 + "}", "directives"),
        (
            "{ ...f0 }"
            + "".join(f"fragment f{i} on Q {{ ...f{i + 1} }} " for i in range(300))
            + "fragment f300 on Q { a }",
            "depth",
        ),
    ],
)
def test_names_the_bound_that_is_passed(text: str, limit: str) -> None:
    with pytest.raises(LimitExceeded) as refused:
        check(parse(text), Limits())

    assert refused.value.extra["limit"] == limit


def test_refuses_a_fragment_that_contains_itself() -> None:
    with pytest.raises(BadInput, match="contains itself"):
        check(parse("{ ...a } fragment a on Q { ...b } fragment b on Q { ...a }"), Limits())


def test_lets_an_ordinary_operation_pass() -> None:
    check(parse("query ($a: Int) { a { b(first: $a) { ...f } } } fragment f on B { c }"), Limits())
