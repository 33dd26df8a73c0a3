"""The quick look agrees with graphql-core's validation,
on documents that break each rule and on random ones."""

import random

import pytest
from graphql import GraphQLSyntaxError, build_schema, parse, validate

from gateway.serving.documents.validation import is_certainly_valid

SCHEMA = build_schema(
    """
    directive @once(n: Int) on FIELD
    directive @often repeatable on FIELD
    type Query { book(id: ID!, sort: Sort): Book  all(where: Where, first: Int = 5): [Found!]! }
    type Mutation { add(title: String!): Book }
    type Subscription { added: Book  gone: Book }
    input Where { title: String  pages: Int = 3  or: [Where!]  genre: Genre }
    input Sort @oneOf { title: Int  pages: Int }
    interface Titled { title: String }
    type Book implements Titled { id: ID!  title(upper: Boolean): String  pages: Int
      genre: Genre  next: Book }
    type Film implements Titled { title: String  minutes: Int!  next: Book }
    union Found = Book | Film
    enum Genre { NOVEL POEM }
    """
)
SOUND = [
    "{ book(id: 1) { id title } }",
    "query A($id: ID!, $w: Where = {pages: 1}) { book(id: $id) { ...F } all(where: $w) { ...G } }"
    " fragment F on Book { title(upper: true) next { pages @often @often } }"
    " fragment G on Found { ... on Titled { title } ... on Film @include(if: true) { minutes } }",
    "mutation M($t: String!) { add(title: $t) { id } }",
    "subscription S { added { id } }",
    "query A { book(id: 1, sort: {title: 1}) { id } } query B { all { __typename } }",
    (
        '{ all(where: {or: [{title: "x"}, {genre: POEM}]}, first: 2) { '
        "... on Book { x: id @once(n: 1) } } }"
    ),
    '{ __schema { types { name } } __type(name: "Book") { name } }',
]
BROKEN = [
    "{ nothing }",
    "{ book { id } }",
    "{ book(id: 1) }",
    "{ book(id: 1) { id { x } } }",
    "{ book(id: 1, id: 2) { id } }",
    "{ book(id: 1, other: 2) { id } }",
    "{ book(id: {}) { id } }",
    "{ book(id: 1, sort: {title: 1, pages: 2}) { id } }",
    '{ all(where: {pages: "x"}) { __typename } }',
    "{ all(where: {nope: 1}) { __typename } }",
    "{ all(where: {pages: 1, pages: 2}) { __typename } }",
    "{ all(where: {genre: SONG}) { __typename } }",
    "{ all { title } }",
    "{ all { ... on Nobody { x } } }",
    "{ all { ... on Genre { x } } }",
    "{ book(id: 1) { ... on Film { minutes } } }",
    "{ book(id: 1) { ...F } }",
    "{ book(id: 1) { id } } fragment F on Book { id }",
    "{ book(id: 1) { ...F } } fragment F on Book { ...F }",
    "{ book(id: 1) { ...F } } fragment F on Book { id } fragment F on Book { id }",
    "query A { book(id: 1) { id } } query A { book(id: 1) { id } }",
    "{ book(id: 1) { id } } query A { book(id: 1) { id } }",
    "query A($x: Int, $x: Int) { all(first: $x) { __typename } }",
    "query A($x: Book) { all { __typename } }",
    "query A($x: Int) { all { __typename } }",
    "{ all(first: $x) { __typename } }",
    "query A($x: String) { all(first: $x) { __typename } }",
    "query A($x: ID) { book(id: $x) { id } }",
    'query A($x: Int = "1") { all(first: $x) { __typename } }',
    "{ book(id: 1) { x: id x: title } }",
    "{ book(id: 1) { title(upper: true) title } }",
    "{ book(id: 1) { id @once @once } }",
    "{ book(id: 1) @nowhere { id } }",
    "query A @once { book(id: 1) { id } }",
    "{ book(id: 1) { id @skip } }",
    "{ book(id: 1) { id @skip(if: 1) } }",
    "subscription S { added { id } gone { id } }",
    "type X { a: Int } { book(id: 1) { id } }",
    "{ book(id: 1) { } }",
]


def agrees(text: str) -> bool | None:
    try:
        document = parse(text)
    except GraphQLSyntaxError:
        return None
    sound = is_certainly_valid(SCHEMA, document)
    assert sound == (not validate(SCHEMA, document, allow_empty_selection_sets=False)), text
    return sound


@pytest.mark.parametrize("text", SOUND)
def test_a_valid_document_is_sound(text: str) -> None:
    assert agrees(text)


@pytest.mark.parametrize("text", BROKEN)
def test_a_document_that_breaks_a_rule_is_not(text: str) -> None:
    assert not agrees(text)


def test_agrees_on_random_changes_of_documents() -> None:
    dice = random.Random(7)
    words = " ".join(SOUND + BROKEN).replace("(", " ( ").replace(")", " ) ").split()
    seen = {True: 0, False: 0}

    for _ in range(1_500):
        text = dice.choice(SOUND).replace("(", " ( ").replace(")", " ) ").split()
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(text))
            match dice.randrange(3):
                case 0:
                    text[place] = dice.choice(words)
                case 1:
                    del text[place]
                case _:
                    other = dice.randrange(len(text))
                    text[place], text[other] = text[other], text[place]
            if not text:
                break
        sound = agrees(" ".join(text))
        if sound is not None:
            seen[sound] += 1

    assert min(seen.values()) > 30
