"""Plans written by hand are followed: what is sent, what is merged,
and how subgraphs' errors reach the client."""

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from graphql import build_schema

from gateway.errors import SubgraphUnavailable
from gateway.execution import executable
from gateway.execution.executable import Executable, execute
from gateway.execution.transport import Answer, Request
from gateway.plan import (
    ALWAYS,
    Condition,
    Each,
    Entities,
    Fetch,
    Guard,
    Key,
    Node,
    Nullability,
    Only,
    Parallel,
    Pick,
    Plan,
    Recipe,
    Sequence,
    Shape,
    Slot,
    Target,
)

SCHEMA = build_schema("type Query { books: [Book] } type Book { id: ID! title: String price: Int }")
YES = Nullability(True)
MAYBE = Nullability(False)


@pytest.fixture(autouse=True, params=[1, 1_000], ids=["written", "interpreted"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every plan is followed both ways."""
    monkeypatch.setattr(executable, "RUNS_BEFORE_COMPILING", request.param)


class Shop:
    """Subgraphs made of canned answers; remembers what they were asked."""

    def __init__(self, **answers: Answer | Callable[[Any], Answer] | Exception) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    async def __call__(self, request: Request) -> Answer:
        await asyncio.sleep(0)
        name, body = request.fetch.subgraph, orjson.loads(request.body)
        self.asked.append((name, body))
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer(body) if callable(answer) else answer


def slot(
    key: str,
    *,
    source: str = "",
    child: Shape | None = None,
    many: bool = False,
    required: bool = False,
) -> Slot:
    return Slot(
        key,
        source or key,
        Nullability(required, MAYBE if many else None),
        f"Book.{key}",
        child=child,
        leaf_type=None if child else "String",
    )


def shape(kind: str, *slots: Slot) -> Shape:
    return Shape(kind, kind, slots, {})


def root_fetch(
    subgraph: str = "books", document: str = "{books{__typename id}}", **more: Any
) -> Fetch:
    return Fetch(0, subgraph, "query", "q", document, **more)


def entity_fetch(
    subgraph: str,
    *targets: Target,
    guard: Guard = ALWAYS,
    alias: str = "_entities",
    variables: tuple[str, ...] = (),
) -> Fetch:
    document = f"query($r:[_Any!]!){{{alias}:_entities(representations:$r){{...on Book{{price}}}}}}"
    entities = (Entities(alias, "r", targets, guard),)
    return Fetch(1, subgraph, "query", "q1", document, variables, entities)


BOOK = Recipe("Book", (Pick("id", "id"),), ("id",))
BOOKS = Target((Key("books"), Each()), {"Book": BOOK})
BOOKS_SHAPE = shape(
    "Query", slot("books", many=True, child=shape("Book", slot("id"), slot("price")))
)


def a_plan(node: Node | None, what: Shape = BOOKS_SHAPE, **more: Any) -> Plan:
    return Plan("query", node, what, **more)


def books(*ids: str | None) -> Answer:
    return {"data": {"books": [id and {"__typename": "Book", "id": id} for id in ids]}}


def prices(body: Any) -> Answer:
    return {"data": {"_entities": [{"price": f"p{item['id']}"} for item in body["variables"]["r"]]}}


async def run(plan: Plan, shop: Shop, **variables: Any) -> dict[str, Any]:
    return (await execute(plan, variables, shop, SCHEMA)).to_json()


PRICED = Sequence((root_fetch(), entity_fetch("prices", BOOKS)))


async def test_asks_for_each_entity_once_and_gives_the_answer_to_all_who_wait() -> None:
    shop = Shop(books=books("1", "2", "1", None, "2"), prices=prices)

    answer = await run(a_plan(PRICED), shop)

    assert [book and book["price"] for book in answer["data"]["books"]] == [
        "p1",
        "p2",
        "p1",
        None,
        "p2",
    ]
    assert shop.asked[1][1]["variables"] == {
        "r": [{"__typename": "Book", "id": "1"}, {"__typename": "Book", "id": "2"}]
    }


async def test_asks_nobody_when_there_is_nothing_to_ask() -> None:
    shop = Shop(books=books(None), prices=prices)

    answer = await run(a_plan(PRICED), shop)

    assert answer == {"data": {"books": [None]}}
    assert [name for name, _ in shop.asked] == ["books"]


async def test_skips_entities_whose_key_is_missing() -> None:
    shop = Shop(
        books={"data": {"books": [{"__typename": "Book", "id": None}, {"__typename": "Other"}]}}
    )

    await run(a_plan(PRICED), shop)

    assert [name for name, _ in shop.asked] == ["books"]


async def test_sends_groups_together_and_leaves_unwanted_ones_empty() -> None:
    wanted = Entities("a", "ra", (BOOKS,))
    unwanted = Entities("b", "rb", (BOOKS,), ((("no", True),),))
    fetch = Fetch(1, "prices", "query", "q1", "…", ("first",), (wanted, unwanted))
    shop = Shop(books=books("1"), prices={"data": {"a": [{"price": "p"}], "b": []}})

    answer = await run(a_plan(Sequence((root_fetch(), fetch))), shop, first=3, other=4)

    assert answer == {"data": {"books": [{"id": "1", "price": "p"}]}}
    assert shop.asked[1][1]["variables"] == {
        "first": 3,
        "ra": [{"__typename": "Book", "id": "1"}],
        "rb": [],
    }


async def test_an_entity_at_two_places_is_asked_once_and_shares_nothing_afterwards() -> None:
    both = entity_fetch(
        "authors",
        Target((Key("best"),), {"Book": BOOK}),
        Target((Key("last"),), {"Book": BOOK}),
    )
    more = Fetch(
        2,
        "names",
        "query",
        "q2",
        "…",
        entities=(
            Entities(
                "x",
                "x",
                (
                    Target(
                        (Key("last"), Key("author")),
                        {"Author": Recipe("Author", (Pick("id", "id"),), ("id",))},
                    ),
                ),
            ),
        ),
    )
    person = shape("Author", slot("id"), slot("name"))
    book = shape("Book", slot("author", child=person))
    shop = Shop(
        books={
            "data": {
                "best": {"__typename": "Book", "id": "1"},
                "last": {"__typename": "Book", "id": "1"},
            }
        },
        authors={"data": {"_entities": [{"author": {"__typename": "Author", "id": "a"}}]}},
        names={"data": {"x": [{"name": "only for the last"}]}},
    )

    answer = await run(
        a_plan(
            Sequence((root_fetch(), both, more)),
            shape("Query", slot("best", child=book), slot("last", child=book)),
        ),
        shop,
    )

    assert len(shop.asked[1][1]["variables"]["r"]) == 1
    assert answer["data"]["best"] == {"author": {"id": "a", "name": None}}
    assert answer["data"]["last"] == {"author": {"id": "a", "name": "only for the last"}}


async def test_builds_representations_with_objects_and_lists_inside() -> None:
    recipe = Recipe(
        "Book",
        (
            Pick("id", "_id"),
            Pick("parts", "parts", (Pick("no", "number"),), {"Map": (Pick("scale", "scale"),)}),
            Pick("meta", "meta"),
        ),
        ("_id",),
    )
    target = Target((Key("book"), Only(frozenset({"Book"}))), {"Book": recipe}, only_type="Book")
    shop = Shop(
        books={
            "data": {
                "book": {
                    "__typename": "Book",
                    "_id": "1",
                    "meta": {"any": ["json"]},
                    "parts": [
                        {"__typename": "Map", "number": 1, "scale": 2},
                        {"__typename": "Text", "number": 3},
                        None,
                    ],
                }
            }
        },
        prices={"data": {"_entities": [None]}},
    )

    await run(
        a_plan(
            Sequence((root_fetch(), entity_fetch("prices", target))), shape("Query", slot("book"))
        ),
        shop,
    )

    assert shop.asked[1][1]["variables"]["r"] == [
        {
            "__typename": "Book",
            "id": "1",
            "parts": [
                {"__typename": "Map", "no": 1, "scale": 2},
                {"__typename": "Text", "no": 3},
                None,
            ],
            "meta": {"any": ["json"]},
        }
    ]


async def test_runs_parallel_fetches_at_the_same_time() -> None:
    together = asyncio.Barrier(2)

    async def send(request: Request) -> Answer:
        async with asyncio.timeout(1):
            await together.wait()
        return {"data": {request.fetch.subgraph: "here"}}

    plan = a_plan(
        Parallel((root_fetch("a"), root_fetch("b"))), shape("Query", slot("a"), slot("b"))
    )

    answer = await execute(plan, {}, send, SCHEMA)

    assert answer.data == {"a": "here", "b": "here"}


@pytest.mark.parametrize(("wanted", "asked"), [(True, 1), (False, 0)])
async def test_a_condition_decides_by_the_variables(wanted: bool, asked: int) -> None:
    shop = Shop(books=books("1"))

    await run(a_plan(Condition(((("show", True),),), root_fetch())), shop, show=wanted)

    assert len(shop.asked) == asked


# ------------------------------------------------------------------------------------- failures


async def test_an_error_of_an_entity_is_shown_at_every_place_where_the_client_misses_it() -> None:
    error = {
        "message": "not yours",
        "path": ["_entities", 1, "price"],
        "locations": [{"line": 1, "column": 2}],
        "extensions": {"code": "FORBIDDEN", "hint": "ask", "stacktrace": ["secret"]},
    }
    shop = Shop(
        books=books("1", "2", "2"),
        prices={"data": {"_entities": [{"price": "p"}, {"price": None}]}, "errors": [error]},
    )

    answer = await run(a_plan(PRICED), shop)

    expected = {
        "message": "not yours",
        "extensions": {"code": "FORBIDDEN", "hint": "ask", "service": "prices"},
    }
    assert answer["errors"] == [
        {**expected, "path": ["books", 1, "price"]},
        {**expected, "path": ["books", 2, "price"]},
    ]
    assert answer["data"]["books"][0]["price"] == "p"


async def test_an_error_at_the_root_keeps_its_path_in_the_clients_words() -> None:
    what = shape(
        "Query",
        slot("mine", source="_0", many=True, child=shape("Book", slot("called", source="title"))),
    )
    error = {"message": "lost", "path": ["_0", 1, "title"]}
    shop = Shop(books={"data": {"_0": [{"title": "t"}, {"title": None}]}, "errors": [error]})

    answer = await run(a_plan(root_fetch(), what), shop)

    assert answer["errors"] == [
        {
            "message": "lost",
            "path": ["mine", 1, "called"],
            "extensions": {"service": "books", "code": "SUBGRAPH_ERROR"},
        }
    ]


async def test_an_error_that_names_no_place_stands_at_the_first_field_of_its_request() -> None:
    shop = Shop(books={"data": None, "errors": [{"message": "Who are you?"}]})
    what = shape("Query", slot("one", required=True), slot("two", required=True))

    answer = await run(a_plan(root_fetch(document="{one two}"), what), shop)

    assert answer["data"] is None
    assert [(error["message"], error["path"]) for error in answer["errors"]] == [
        ("Who are you?", ["one"])
    ]


async def test_a_subgraph_that_is_down_costs_only_its_own_part() -> None:
    shop = Shop(
        books=books("1", "2"),
        prices=SubgraphUnavailable("prices is down", "prices 停机", service="prices"),
    )

    answer = await run(a_plan(PRICED), shop)

    assert answer == {
        "errors": [
            {
                "message": "prices is down",
                "path": ["books", 0],
                "extensions": {"service": "prices", "code": "SUBGRAPH_UNAVAILABLE"},
            }
        ],
        "data": {"books": [{"id": "1", "price": None}, {"id": "2", "price": None}]},
    }


async def test_a_failed_root_is_reported_at_each_of_its_fields_in_the_clients_language() -> None:
    shop = Shop(books=SubgraphUnavailable("down", "停机", service="books"))
    what = shape("Query", slot("one"), slot("two"))

    response = await execute(a_plan(root_fetch(document="{one two}"), what), {}, shop, SCHEMA, "zh")

    assert [(fault.path, fault.message) for fault in response.faults] == [
        (("one",), "停机"),
        (("two",), "停机"),
    ]
    assert response.data == {"one": None, "two": None}


@pytest.mark.parametrize(
    "entities", [None, [], [{"price": "p"}], "text", {"price": "p"}, [1, 2], [{"price": 3}, None]]
)
async def test_nonsense_instead_of_entities_never_breaks_the_answer(entities: Any) -> None:
    shop = Shop(books=books("1", "2"), prices={"data": {"_entities": entities}})

    answer = await run(a_plan(PRICED), shop)

    assert [book["id"] for book in answer["data"]["books"]] == ["1", "2"]


@pytest.mark.parametrize(
    "data",
    [
        {"books": "text"},
        {"books": {"id": "1"}},
        {"books": ["text", 5, ["nested"], {"__typename": 7}]},
        {"books": [{"__typename": "Book", "id": {"deep": 1}}]},
        {"books": 3},
        {},
    ],
)
async def test_nonsense_at_the_root_never_breaks_the_answer(data: Any) -> None:
    answer = await run(a_plan(PRICED), Shop(books={"data": data}, prices=prices))

    assert "data" in answer


@pytest.mark.parametrize(
    "error",
    ["text", None, {}, {"path": 5}, {"message": 5, "path": [{}]}, {"path": ["_entities", 99]}],
)
async def test_malformed_errors_are_still_errors(error: Any) -> None:
    shop = Shop(books=books("1"), prices={"data": None, "errors": [error]})

    answer = await run(a_plan(PRICED), shop)

    assert answer["errors"][0]["path"] == ["books", 0]
    assert answer["errors"][0]["extensions"]["service"] == "prices"


async def test_one_plan_serves_many_requests_at_once() -> None:
    executable = Executable(a_plan(PRICED), SCHEMA)

    answers = await asyncio.gather(
        *(executable.run({}, Shop(books=books(str(n)), prices=prices)) for n in range(50))
    )

    assert [answer.data for answer in answers] == [
        {"books": [{"id": str(n), "price": f"p{n}"}]} for n in range(50)
    ]


async def test_introspection_asks_no_subgraph() -> None:
    shop = Shop()
    plan = a_plan(
        None,
        shape("Query", Slot("__type", "__type", MAYBE, "Query.__type")),
        introspection="query($name:String!){__type(name:$name){kind}}",
        introspection_variables=("name",),
    )

    answer = await run(plan, shop, name="Book")

    assert answer == {"data": {"__type": {"kind": "OBJECT"}}}
    assert not shop.asked
