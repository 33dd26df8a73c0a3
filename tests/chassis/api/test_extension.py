"""Fields that an upper capability adds to a type of a lower one."""

from typing import Any

import pytest
import strawberry

from chassis.api.extension import extend


def types() -> tuple[Any, Any, Any]:
    @strawberry.type
    class Tag:
        name: str

    @strawberry.type
    class Customer:
        id: strawberry.ID

    @strawberry.type
    class CustomerTags:
        @strawberry.field(description="Its tags.")
        def tags(self) -> list[Tag]:
            return [Tag(name=f"of {self.id}")]  # type: ignore[attr-defined]  # a Customer's

    return Tag, Customer, CustomerTags


def test_resolves_added_fields_on_the_extended_type() -> None:
    _, extended, tags = types()
    extend(extended, tags)
    extend(extended, tags)

    @strawberry.type
    class Query:
        @strawberry.field
        def customer(self) -> extended:  # type: ignore[valid-type]
            return extended(id="7")  # type: ignore[no-any-return]

    answer = strawberry.Schema(Query).execute_sync("{ customer { id tags { name } } }")

    assert answer.data == {"customer": {"id": "7", "tags": [{"name": "of 7"}]}}


def test_refuses_a_field_that_is_declared_already() -> None:
    _, customer, _ = types()

    @strawberry.type
    class Again:
        id: int

    with pytest.raises(TypeError, match=r"Customer\.id is declared twice"):
        extend(customer, Again)


def test_takes_private_fields_for_what_the_resolvers_read() -> None:
    _, customer, _ = types()

    @strawberry.type
    class CustomerLabel:
        id: strawberry.Private[strawberry.ID]

        @strawberry.field(description="A label.")
        def label(self) -> str:
            return f"customer {self.id}"

    extend(customer, CustomerLabel)

    fields = [field.python_name for field in customer.__strawberry_definition__.fields]
    assert fields == ["id", "label"]
