"""A spec is refused as a whole, with the path, the problem, and what would be right."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from chassis.errors import BadInput
from integrations.connectors.rest.form import EXAMPLE
from integrations.specs.domain import spec

GOOD: dict[str, Any] = EXAMPLE["spec"]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good spec with one thing different; `...` takes it out."""
    document = copy.deepcopy(GOOD)
    *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    found: Any = document
    for part in way:
        found = found[part]
    if value is ...:
        del found[last]
    else:
        found[last] = value
    return document


def test_the_example_is_good() -> None:
    assert spec.check(GOOD) == []
    assert spec.read(GOOD).stream("customers").cursor.overlap_seconds == 300


@pytest.mark.parametrize(
    ("path", "value", "where", "right"),
    [
        ("envelope.success_when", ..., "envelope.success_when", "JMESPath condition"),
        ("envelope.success_when", "status ==", "envelope.success_when", "not JMESPath"),
        ("envelope", ..., "envelope", "success_when"),
        ("streams.0.records_path", ..., "streams.0.records_path", "never the last page"),
        ("streams.0.pager", {"type": "spiral"}, "streams.0.pager", "none, page, offset"),
        ("streams.0.pager.size", 0, "streams.0.pager.size", "1–5000"),
        ("streams.0.pager.size", ..., "streams.0.pager.size", "records a page"),
        ("streams.0.cursor", {"mode": "guess"}, "streams.0.cursor", "updated_since"),
        ("streams.0.cursor.param", ..., "streams.0.cursor.param", "name of the parameter"),
        ("streams.0.mapping.fields.name", ..., "streams.0.mapping.fields.name", "JMESPath text"),
        ("streams.0.mapping.fields.colour", "x", "streams.0.mapping.fields.colour", "phone"),
        ("streams.0.mapping.fields.phone", "a[", "streams.0.mapping.fields.phone", "not JMESPath"),
        (
            "streams.0.mapping.fields.email.via",
            ["eval"],
            "streams.0.mapping.fields.email.via.0",
            "credit_code",
        ),
        (
            "streams.0.mapping.fields.email.via",
            [{"join": 5}],
            "streams.0.mapping.fields.email.via.0",
            "str",
        ),
        ("auth", {"scheme": "bearer"}, "auth.token", "missing"),
        ("auth", {"scheme": "magic"}, "auth", "bearer"),
        ("base_url", "ftp://x", "base_url", "https://api.acme.example"),
        ("limits", [{"rate": 0, "per_seconds": 1}], "limits.0.rate", "from 1"),
        ("id", "Acme CRM!", "id", "lower-case"),
        ("colour", "blue", "colour", "streams"),
        ("streams", [], "streams", "at least one"),
    ],
)
def test_names_the_path_and_what_would_be_right(
    path: str, value: Any, where: str, right: str
) -> None:
    with pytest.raises(BadInput) as refused:
        spec.read(changed(path, value))

    assert refused.value.field == f"spec.{where}"
    assert right in refused.value.en
    assert f"spec.{where}" in refused.value.zh


def test_names_every_problem_at_once() -> None:
    document = changed("id", "NO") | {"version": 0}

    with pytest.raises(BadInput) as refused:
        spec.read(document)

    assert "spec.id" in refused.value.en
    assert "spec.version" in refused.value.en


def test_two_streams_need_two_names() -> None:
    document = changed("streams", [GOOD["streams"][0], GOOD["streams"][0]])

    with pytest.raises(BadInput) as refused:
        spec.read(document)

    assert refused.value.field == "spec.streams.1.name"


def test_append_only_needs_a_pager_that_knows_the_last_id() -> None:
    with pytest.raises(BadInput) as refused:
        spec.read(changed("streams.0.cursor", {"mode": "append_only_id"}))

    assert refused.value.field == "spec.streams.0.pager.type"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from([*GOOD, *(f"streams.0.{name}" for name in GOOD["streams"][0])]), _JSON)
def test_whatever_stands_there_is_good_or_refused(path: str, value: Any) -> None:
    found = spec.check(changed(path, value))

    assert all(problem.en and problem.zh for problem in found)
    if not found:
        spec.read(changed(path, value))
