"""What Strawberry prints composes as it is."""

from __future__ import annotations

import strawberry
from strawberry.federation.schema_directives import ListSize

from gateway.composition import compose
from gateway.supergraph import Subgraph, Supergraph
from tests.gateway.graphs import planned


@strawberry.federation.type(name="User", keys=["id"])
class StubUser:
    id: strawberry.ID
    posts: list[str]


@strawberry.federation.type(keys=["id"])
class User:
    id: strawberry.ID
    name: str = strawberry.federation.field(shareable=True, tags=["L3"])


@strawberry.type
class Query:
    me: User | None
    users: list[User] = strawberry.field(
        directives=[ListSize(assumed_size=5, slicing_arguments=None, sized_fields=None)]
    )


@strawberry.type(name="Query")
class Empty:
    posts: int


def test_composes_what_strawberry_prints() -> None:
    users = strawberry.federation.Schema(query=Query)
    posts = strawberry.federation.Schema(query=Empty, types=[StubUser])

    found = compose(
        [
            Subgraph("users", "http://users.test", users.as_str()),
            Subgraph("posts", "http://posts.test", posts.as_str()),
        ]
    )

    assert isinstance(found, Supergraph), found
    assert "slicingArguments: null" in users.as_str()
    assert [
        line for line in planned(found, "{ users { name posts } }").split("\n") if "Fetch" in line
    ] == [
        "  Fetch users",
        "  Fetch posts",
    ]
