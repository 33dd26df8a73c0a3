"""Entities of other services, which this service only references by id."""

from __future__ import annotations

from uuid import UUID

import strawberry
from strawberry.federation.schema_directives import Key
from strawberry.federation.types import FieldSet

_ONLY_ID = [Key(fields=FieldSet("id"), resolvable=False)]


@strawberry.federation.type(
    keys=_ONLY_ID, description="A user of the enterprise; their data is in identity."
)
class User:
    """A reference to a user."""

    id: strawberry.ID = strawberry.federation.field(description="The user's id.")

    @classmethod
    def of(cls, id: UUID | None) -> User | None:
        """Build a reference; `None` without an id."""
        return cls(id=strawberry.ID(str(id))) if id else None


@strawberry.federation.type(keys=_ONLY_ID, description="A department; its data is in identity.")
class Department:
    """A reference to a department."""

    id: strawberry.ID = strawberry.federation.field(description="The department's id.")

    @classmethod
    def of(cls, id: UUID | None) -> Department | None:
        """Build a reference; `None` without an id."""
        return cls(id=strawberry.ID(str(id))) if id else None


@strawberry.federation.type(
    keys=_ONLY_ID,
    description="A record as an outside system has it; its content is in integrations.",
)
class SourceRecord:
    """A reference to a source record."""

    id: strawberry.ID = strawberry.federation.field(description="The source record's id.")

    @classmethod
    def of(cls, id: UUID | None) -> SourceRecord | None:
        """Build a reference; `None` without an id."""
        return cls(id=strawberry.ID(str(id))) if id else None


@strawberry.federation.type(
    keys=_ONLY_ID, description="A project whose members share customers; its data is in identity."
)
class Project:
    """A reference to a project."""

    id: strawberry.ID = strawberry.federation.field(description="The project's id.")

    @classmethod
    def of(cls, id: UUID | None) -> Project | None:
        """Build a reference; `None` without an id."""
        return cls(id=strawberry.ID(str(id))) if id else None
