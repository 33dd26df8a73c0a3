"""Tags: words that customers are grouped by."""

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


@strawberry.federation.type(keys=["id"], description="A word that customers are grouped by.")
class Tag:
    id: strawberry.ID = strawberry.field(description="The tag's id.")
    name: str = strawberry.field(description="The word.")
    dimension: str = strawberry.field(description="What it tells of, e.g. intent or priority.")

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Tag | None:
        found = await info.context.loaders_of(PoolLoaders).tags.load(uuid(id, "id"))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: TagRow) -> Tag:
        return cls(id=strawberry.ID(str(row.id)), name=row.name, dimension=row.dimension)


@strawberry.type(description="The tag after a write, or why it was refused.")
class TagPayload:
    tag: Tag | None = strawberry.field(default=None, description="The tag as it is now.")
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.type
class TagQuery:
    @strawberry.field(
        description=f"The vocabulary of tags, at most {MAX_LISTED}, by dimension and name.",
        metadata=right("Tag"),
    )
    async def tags(self, info: Info) -> list[Tag]:
        info.context.scope("Tag")
        return [Tag.of(row) for row in await info.context.read(store.everything, MAX_LISTED)]


@strawberry.type
class TagMutation:
    @strawberry.mutation(
        description="Adds a word to the vocabulary; one that exists is answered as it is.",
        metadata=right("Tag", "update"),
    )
    @answers(TagPayload)
    async def create_tag(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="The word, 1 to 60 characters.")],
        dimension: Annotated[
            str, strawberry.argument(description="What it tells of, 1 to 60 characters.")
        ] = GENERAL,
    ) -> TagPayload:
        scope = info.context.scope("Tag", "update")
        id = await write_with_retry(info.context, commands.create_tag, scope, name, dimension)
        found = await info.context.loaders_of(PoolLoaders).tags.load(id)
        return TagPayload(tag=Tag.of(found) if found else None)
