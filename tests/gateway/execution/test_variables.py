"""Variables are checked against their types; what is right travels on untouched."""

from typing import Any

import pytest
from graphql import build_schema

from gateway.errors import BadVariables
from gateway.execution.variables import variables_of
from gateway.operation import parse_operation

SCHEMA = build_schema(
    """
    type Query { find(id: ID, first: Int = 20, where: Where, when: Date, kind: Kind): String }
    input Where { name: String! tags: [String!] = ["a"] }
    scalar Date
    enum Kind { PERSON COMPANY }
    """
)
QUERY = """
query Find($id: ID!, $first: Int = 5, $where: Where, $when: Date, $kind: Kind = PERSON) {
  find(id: $id, first: $first, where: $where, when: $when, kind: $kind)
}
"""


def coerce(**given: Any) -> Any:
    return dict(variables_of(parse_operation(QUERY), SCHEMA)(given))


def test_fills_in_defaults_and_passes_the_rest_on_as_it_came() -> None:
    assert coerce(id=7, where={"name": "n"}, when={"any": "json"}, unknown=1) == {
        "id": 7,
        "first": 5,
        "where": {"name": "n"},
        "when": {"any": "json"},
        "kind": "PERSON",
    }


def test_null_is_not_the_default() -> None:
    assert coerce(id="1", first=None)["first"] is None


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({}, "\\$id"),
        ({"id": None}, "\\$id"),
        ({"id": "1", "first": "many"}, "\\$first"),
        ({"id": "1", "first": 2**40}, "\\$first"),
        ({"id": "1", "where": {}}, "name"),
        ({"id": "1", "where": {"name": "n", "tags": [None]}}, "\\$where"),
        ({"id": "1", "where": {"name": "n", "nmae": "x"}}, "nmae"),
        ({"id": "1", "kind": "DOG"}, "\\$kind"),
    ],
)
def test_says_which_variable_is_wrong(given: dict[str, Any], names: str) -> None:
    with pytest.raises(BadVariables, match=names) as raised:
        coerce(**given)

    assert raised.value.message("zh").startswith("变量无效")


def test_gives_no_hints_when_told_to_be_quiet() -> None:
    with pytest.raises(BadVariables) as raised:
        variables_of(parse_operation(QUERY), SCHEMA, quiet=True)({"id": "1", "kind": "PERSN"})

    assert "Did you mean" not in str(raised.value)
