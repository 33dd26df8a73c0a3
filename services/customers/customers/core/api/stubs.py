"""Things of other services that are only pointed at from here."""

from __future__ import annotations

from uuid import UUID

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

_ONLY_ID = [Key(fields=FieldSet("id"), resolvable=False)]


@strawberry.federation.type(
    keys=_ONLY_ID, description="A person who works here; everything about them is in identity."
)
class User:
    id: strawberry.ID = strawberry.federation.field(description="The user's id.")

    @classmethod
    def of(cls, id: UUID | None) -> User | None:
        return cls(id=strawberry.ID(str(id))) if id else None


@strawberry.federation.type(
    keys=_ONLY_ID, description="A department; everything about it is in identity."
)
class Department:
    id: strawberry.ID = strawberry.federation.field(description="The department's id.")

    @classmethod
    def of(cls, id: UUID | None) -> Department | None:
        return cls(id=strawberry.ID(str(id))) if id else None


@strawberry.federation.type(
    keys=_ONLY_ID,
    description="A record as an outside system has it; its content is in integrations.",
)
class SourceRecord:
    id: strawberry.ID = strawberry.federation.field(description="The source record's id.")

    @classmethod
    def of(cls, id: UUID | None) -> SourceRecord | None:
        return cls(id=strawberry.ID(str(id))) if id else None


@strawberry.federation.type(
    keys=_ONLY_ID, description="A project that people share; everything about it is in identity."
)
class Project:
    id: strawberry.ID = strawberry.federation.field(description="The project's id.")

    @classmethod
    def of(cls, id: UUID | None) -> Project | None:
        return cls(id=strawberry.ID(str(id))) if id else None
