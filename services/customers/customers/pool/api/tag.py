"""Tags: the vocabulary by which customers are grouped."""

from __future__ import annotations

from typing import Annotated

import strawberry
from strawberry import Info

from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from customers.core.api.arguments import write_with_retry
from customers.core.api.ids import uuid
from customers.pool.api.loaders import PoolLoaders
from customers.pool.commands import tag as commands
from customers.pool.store import tag as store
from customers.pool.store.tag import GENERAL, TagRow

MAX_LISTED = 1000


@strawberry.federation.type(keys=["id"], description="A tag by which customers are grouped.")
class Tag:
    """A tag of the vocabulary."""

    id: strawberry.ID = strawberry.field(description="The tag's id.")
    name: str = strawberry.field(description="The tag's name.")
    dimension: str = strawberry.field(
        description="What the tag classifies, e.g. intent or priority."
    )

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Tag | None:
        """Load a tag by id."""
        row = await info.context.loaders_of(PoolLoaders).tags.load(uuid(id, "id"))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: TagRow) -> Tag:
        """Build a tag from its row."""
        return cls(id=strawberry.ID(str(row.id)), name=row.name, dimension=row.dimension)


@strawberry.type(description="The tag after a write, or why the write was refused.")
class TagPayload:
    """The result of a tag mutation."""

    tag: Tag | None = strawberry.field(default=None, description="The tag as it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was written; empty on success."
    )


@strawberry.type
class TagQuery:
    """The query of the vocabulary."""

    @strawberry.field(
        description=f"The vocabulary of tags, at most {MAX_LISTED}, by dimension and name.",
        metadata=right("Tag"),
    )
    async def tags(self, info: Info) -> list[Tag]:
        """Return the vocabulary."""
        info.context.scope("Tag")
        return [Tag.of(row) for row in await info.context.read(store.list_all, MAX_LISTED)]


@strawberry.type
class TagMutation:
    """Mutations of the vocabulary."""

    @strawberry.mutation(
        description="Add a tag to the vocabulary; an existing tag is returned as it is.",
        metadata=right("Tag", "update"),
    )
    @answers(TagPayload)
    async def create_tag(
        self,
        info: Info,
        name: Annotated[
            str, strawberry.argument(description="The tag's name, 1 to 60 characters.")
        ],
        dimension: Annotated[
            str,
            strawberry.argument(description="What the tag classifies, 1 to 60 characters."),
        ] = GENERAL,
    ) -> TagPayload:
        """Add a tag to the vocabulary."""
        scope = info.context.scope("Tag", "update")
        id = await write_with_retry(info.context, commands.create_tag, scope, name, dimension)
        row = await info.context.loaders_of(PoolLoaders).tags.load(id)
        return TagPayload(tag=Tag.of(row) if row else None)
