"""The sorts of sources that can be installed, and the forms they ask for."""

from __future__ import annotations

import strawberry
from strawberry.scalars import JSON

from chassis.api.rights import right
from integrations.connectors import installed
from integrations.contract import Kind
from integrations.core.api.words import IntegrationsInfo
from integrations.specs.domain import spec


@strawberry.federation.type(keys=["id"], description="A sort of source that can be installed.")
class Connector:
    id: strawberry.ID = strawberry.field(description="The name it is installed by.")
    title: str = strawberry.field(description="Its name, in the language of the request.")
    description: str = strawberry.field(description="What it reads.")
    configuration_schema: JSON = strawberry.field(
        description="The form of an installation's configuration, as JSON Schema 2020-12."
    )
    credentials_schema: JSON = strawberry.field(
        description="The form of its credentials, as JSON Schema 2020-12; all of them are secrets."
    )
    example: JSON = strawberry.field(description="A configuration that would do.")

    @classmethod
    def resolve_reference(cls, info: IntegrationsInfo, id: strawberry.ID) -> Connector | None:
        if not info.context.may("Installation"):
            return None
        found = installed().get(id)
        return cls.of(found, info.context.locale) if found else None

    @classmethod
    def of(cls, kind: Kind, locale: str) -> Connector:
        chinese = int(locale.startswith("zh"))
        return cls(
            id=strawberry.ID(kind.id),
            title=kind.title[chinese],
            description=kind.description[chinese],
            configuration_schema=JSON(dict(kind.configuration)),
            credentials_schema=JSON(dict(kind.credentials)),
            example=JSON(dict(kind.example)),
        )


@strawberry.type
class ConnectorQuery:
    @strawberry.field(
        description="Every sort of source that can be installed here.",
        metadata=right("Installation"),
    )
    def connectors(self, info: IntegrationsInfo) -> list[Connector]:
        return [Connector.of(kind, info.context.locale) for kind in installed().values()]

    @strawberry.field(
        description="The form of a connector spec (connector `rest`), as JSON Schema 2020-12.",
        metadata=right("Installation"),
    )
    def spec_schema(self) -> JSON:
        return JSON(spec.schema())
