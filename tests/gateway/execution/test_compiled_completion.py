"""The Python that is written for a shape, as text,
and that it is really taken when nothing is wrong."""

from typing import Any

import pytest
from graphql import build_schema

from gateway.execution.compiled_completion import UNEXPECTED, compile_completion, print_completion
from gateway.plan import Guard, Nullability, Shape, Slot
from tests.gateway.execution.shapes import shape_of

SCHEMA = build_schema(
    """
    type Query { book: Book  books(first: Int): [Book!]!  found: [Found]
      matrix: [[Int!]]  "any" at: Date! }
    type Book { id: ID!  title: String  price: Float  pages: Int!  sold: Boolean  genre: Genre }
    type Film { id: ID!  title: String! }
    union Found = Book | Film
    enum Genre { NOVEL POEM }
    scalar Date
    """
)
ALWAYS_FIRST: Any = lambda guard: -1  # noqa: E731  one line says it


def test_copies_leaves_after_one_look_at_their_type() -> None:
    assert (
        print_completion(shape_of(SCHEMA, "{ book { id title price pages sold genre } at }"))
        == """\
def object2(value, held):
    v0 = value.get('id')
    if type(v0) is not str: v0 = an_id(v0)
    v1 = value.get('title')
    if type(v1) is not str and v1 is not None: raise UnexpectedValue
    v2 = value.get('price')
    if type(v2) is not float and v2 is not None: v2 = a_float(v2)
    v3 = value.get('pages')
    if (type(v3) is not int or not -2147483648 <= v3 <= 2147483647): raise UnexpectedValue
    v4 = value.get('sold')
    if type(v4) is not bool and v4 is not None: raise UnexpectedValue
    v5 = value.get('genre')
    if v5 not in values1 and v5 is not None: raise UnexpectedValue
    return {'id': v0, 'title': v1, 'price': v2, 'pages': v3, 'sold': v4, 'genre': v5}
def object3(value, held):
    v0 = value.get('book')
    if v0 is not None: v0 = object2(v0, held)
    v1 = value.get('at')
    if v1 is None: raise UnexpectedValue
    return {'book': v0, 'at': v1}"""
    )


def test_lists_and_types_have_functions_of_their_own() -> None:
    query = "{ found { __typename ... on Book { id } ... on Film { title } } matrix }"

    assert (
        print_completion(shape_of(SCHEMA, query))
        == """\
def object1(value, held):
    v1 = value.get('id')
    if type(v1) is not str: v1 = an_id(v1)
    return {'__typename': 'Book', 'id': v1}
def object2(value, held):
    v1 = value.get('title')
    if type(v1) is not str: raise UnexpectedValue
    return {'__typename': 'Film', 'title': v1}
types3 = {'Book': object1, 'Film': object2}
def object4(value, held):
    return types3[value['__typename']](value, held)
def list5(value, held):
    if type(value) is not list: raise UnexpectedValue
    return [None if item is None else object4(item, held) for item in value]
def leaf6(value, held):
    if (type(value) is not int or not -2147483648 <= value <= 2147483647): raise UnexpectedValue
    return value
def list7(value, held):
    if type(value) is not list: raise UnexpectedValue
    return [leaf6(item, held) for item in value]
def list8(value, held):
    if type(value) is not list: raise UnexpectedValue
    return [None if item is None else list7(item, held) for item in value]
def object9(value, held):
    v0 = value.get('found')
    if v0 is not None: v0 = list5(v0, held)
    v1 = value.get('matrix')
    if v1 is not None: v1 = list8(v1, held)
    return {'found': v0, 'matrix': v1}"""
    )


def test_what_may_be_skipped_keeps_its_place() -> None:
    guard: Guard = ((("yes", True),),)
    slots = tuple(
        Slot(name, name, Nullability(False), f"Query.{name}", leaf_type="Date", guard=own)
        for name, own in (("a", ()), ("b", guard), ("c", ()))
    )
    shape = Shape("Query", "Query", slots, {})

    assert (
        print_completion(shape)
        == """\
def object1(value, held):
    v0 = value.get('a')
    done = {'a': v0}
    if held[0]:
        v1 = value.get('b')
        done['b'] = v1
    v2 = value.get('c')
    return {**done, 'c': v2}"""
    )
    complete = compile_completion(shape, lambda guard: 0 if guard else -1)
    assert list(complete({"a": 1, "b": 2, "c": 3}, [True])) == ["a", "b", "c"]
    assert list(complete({"a": 1, "b": 2, "c": 3}, [False])) == ["a", "c"]


def test_hands_on_what_is_the_answer_already_where_nobody_else_merges() -> None:
    text = print_completion(shape_of(SCHEMA, "{ books { id pages genre } }"), alone=True)

    assert text.startswith("""\
def object3(value, held):
    while tuple(value) == ('id', 'pages', 'genre'):
        v0, v1, v2, = value.values()
        if type(v0) is not str: break
        if (type(v1) is not int or not -2147483648 <= v1 <= 2147483647): break
        if v2 not in values1 and v2 is not None: break
        return value
    v0 = value.get('id')
""")


@pytest.mark.parametrize(
    ("book", "handed_on"),
    [
        ({"id": "1", "pages": 3, "genre": "POEM"}, True),
        ({"id": "1", "pages": 3, "genre": None}, True),
        ({"id": 1, "pages": 3, "genre": None}, False),
        ({"pages": 3, "id": "1", "genre": None}, False),
        ({"id": "1", "pages": 3, "genre": None, "__typename": "Book"}, False),
        ({"id": "1", "pages": 3}, False),
    ],
)
def test_an_object_that_is_not_quite_the_answer_is_copied(
    book: dict[str, Any], handed_on: bool
) -> None:
    query = "{ books { id pages genre } }"
    copies = compile_completion(shape_of(SCHEMA, query), ALWAYS_FIRST)
    hands_on = compile_completion(shape_of(SCHEMA, query), ALWAYS_FIRST, alone=True)

    (found,) = hands_on({"books": [book]}, [])["books"]

    assert (found is book) is handed_on
    assert list(found.items()) == list(copies({"books": [book]}, [])["books"][0].items())


def test_is_enough_for_a_sound_answer() -> None:
    book = {"__typename": "Book", "id": 7, "title": None, "price": 2, "pages": 3, "extra": 1}
    complete = compile_completion(
        shape_of(SCHEMA, "{ books { id title price pages genre } found { __typename } matrix at }"),
        ALWAYS_FIRST,
    )

    found = complete(
        {"books": [book], "found": [book, None], "matrix": [[1], None], "at": {"y": 1}}, []
    )

    assert found == {
        "books": [{"id": "7", "title": None, "price": 2, "pages": 3, "genre": None}],
        "found": [{"__typename": "Book"}, None],
        "matrix": [[1], None],
        "at": {"y": 1},
    }


@pytest.mark.parametrize(
    "tree",
    [
        {"books": None, "at": 1},
        {"books": {}, "at": 1},
        {"books": [None], "at": 1},
        {"books": ["text"], "at": 1},
        {"books": [{"id": "1", "pages": "3"}], "at": 1},
        {"books": [{"id": "1", "pages": 2**31}], "at": 1},
        {"books": [{"id": 1.5, "pages": 1}], "at": 1},
        {"books": [{"id": "1", "pages": 1, "genre": "SONG"}], "at": 1},
        {"books": [{"id": "1", "pages": 1, "genre": []}], "at": 1},
        {"books": [], "found": [{}], "at": 1},
        {"books": [], "found": [{"__typename": "Secret"}], "at": 1},
        {"books": [], "found": [{"__typename": []}], "at": 1},
        {"books": [], "found": [5], "at": 1},
        {"books": [], "matrix": [["1"]], "at": 1},
        {"books": [], "matrix": ["1"], "at": 1},
        {"books": [], "at": None},
    ],
)
def test_leaves_everything_else_to_the_long_way(tree: Any) -> None:
    query = "{ books { id pages genre } found { __typename } matrix at }"

    with pytest.raises(UNEXPECTED):
        compile_completion(shape_of(SCHEMA, query), ALWAYS_FIRST)(tree, [])


def test_names_are_only_ever_literals() -> None:
    slot = Slot("k'\n", "s'\n\"", Nullability(False), "Query.x", leaf_type="String")

    complete = compile_completion(Shape("Query", "Query", (slot,), {}), ALWAYS_FIRST)

    assert complete({"s'\n\"": "v"}, []) == {"k'\n": "v"}
