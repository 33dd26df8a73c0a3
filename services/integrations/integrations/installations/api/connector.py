"""Connectors: the kinds of sources that can be installed, and the forms they require."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from chassis.api.context import Info
from chassis.api.rights import right
from integrations.connectors import installed
from integrations.contract import Kind
from integrations.specs.domain import spec


@strawberry.federation.type(keys=["id"], description="A kind of source that can be installed.")
class Connector:
    """A connector of this deployment."""

    id: strawberry.ID = strawberry.field(
        description="The connector's id; give it to installConnector."
    )
    title: str = strawberry.field(
        description="The connector's name, in the language of the request."
    )
    description: str = strawberry.field(
        description="What the connector reads, in the language of the request."
    )
    configuration_schema: JSON = strawberry.field(
        description="The JSON Schema 2020-12 of an installation's configuration."
    )
    credentials_schema: JSON = strawberry.field(
        description="The JSON Schema 2020-12 of its credentials; every value is a secret."
    )
    example: JSON = strawberry.field(description="An example of a valid configuration.")

    @classmethod
    def resolve_reference(cls, info: Info, id: strawberry.ID) -> Connector | None:
        """Return the connector of a federation reference, or `None` without the right."""
        if not info.context.may("Installation"):
            return None
        kind = installed().get(id)
        return cls.of(kind, info.context.locale) if kind else None

    @classmethod
    def of(cls, kind: Kind, locale: str) -> Connector:
        """Return the GraphQL object of a connector kind in the language of the request."""
        language = int(locale.startswith("zh"))
        return cls(
            id=strawberry.ID(kind.id),
            title=kind.title[language],
            description=kind.description[language],
            configuration_schema=JSON(dict(kind.configuration)),
            credentials_schema=JSON(dict(kind.credentials)),
            example=JSON(dict(kind.example)),
        )


@strawberry.type
class ConnectorQuery:
    """Queries for connectors."""

    @strawberry.field(
        description="Every connector that can be installed.",
        metadata=right("Installation"),
    )
    def connectors(self, info: Info) -> list[Connector]:
        """Return the connectors of this deployment."""
        return [Connector.of(kind, info.context.locale) for kind in installed().values()]

    @strawberry.field(
        description="The JSON Schema 2020-12 of a connector spec, for the connector `rest`.",
        metadata=right("Installation"),
    )
    def spec_schema(self) -> JSON:
        """Return the schema that a connector spec must satisfy."""
        return JSON(spec.schema())
