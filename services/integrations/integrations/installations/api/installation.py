"""Installations: connectors with a configuration, and credentials that are never returned."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from sqlalchemy.orm import Session
from strawberry.scalars import JSON

from chassis.api.context import Info
from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect, page
from chassis.api.rights import right
from chassis.policy.scope import Scope
from integrations.core.api.ids import uuid
from integrations.core.api.types import User
from integrations.installations import store
from integrations.installations.api.connector import Connector
from integrations.installations.api.loaders import InstallationLoaders
from integrations.installations.store import InstallationRow, RevisionRow


@strawberry.enum(
    description="ACTIVE: runs on its schedule. PAUSED: starts no run until it is resumed."
)
class InstallationState(Enum):
    """Whether an installation runs."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"


@strawberry.type(description="The set-up of an installation at one revision.")
class InstallationRevision:
    """One entry of an installation's history."""

    revision: int = strawberry.field(description="The revision's number, from 1.")
    name: str = strawberry.field(description="The installation's name at this revision.")
    configuration: JSON = strawberry.field(description="Its configuration at this revision.")
    interval_seconds: int | None = strawberry.field(
        description="Its schedule at this revision, in seconds; null: no schedule."
    )
    credentials_changed: bool = strawberry.field(
        description="Whether this change also set credentials."
    )
    changed_by: User | None = strawberry.field(description="The user who made the change.")
    changed_at: datetime = strawberry.field(description="When the change was made.")

    @classmethod
    def of(cls, row: RevisionRow) -> InstallationRevision:
        """Return the GraphQL object of a row."""
        return cls(
            revision=row.revision,
            name=row.name,
            configuration=JSON(row.configuration),
            interval_seconds=row.interval_seconds,
            credentials_changed=bool(row.credentials_changed),
            changed_by=User(id=strawberry.ID(str(row.changed_by))),
            changed_at=row.changed_at,
        )


@strawberry.federation.type(
    keys=["id"], description="A connector set up with a configuration and credentials."
)
class Installation:
    """An installation in the scope of the caller."""

    id: strawberry.ID = strawberry.field(description="The installation's id.")
    name: str = strawberry.field(description="The installation's display name.")
    system: str = strawberry.field(description="The name claims use for the source.")
    configuration: JSON = strawberry.field(description="Its configuration, without secrets.")
    credential_names: list[str] = strawberry.field(
        description="The names of the credentials that are set; their values are never returned."
    )
    credentials_changed_at: datetime | None = strawberry.field(
        description="When credentials were last set."
    )
    revision: int = strawberry.field(
        description="Increases with every change; give it back as expectedRevision."
    )
    state: InstallationState = strawberry.field(
        description="Whether the installation is active or paused."
    )
    priority: int = strawberry.field(
        description="Decides which source wins where several have a value for one field; the "
        "smaller number wins."
    )
    interval_seconds: int | None = strawberry.field(
        description="The interval between scheduled runs, in seconds; null: runs only on request."
    )
    next_due_at: datetime | None = strawberry.field(
        description="When the next scheduled run is due."
    )
    created_by: User | None = strawberry.field(description="The user who installed it.")
    created_at: datetime = strawberry.field(description="When it was installed.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    _row: strawberry.Private[InstallationRow]

    @strawberry.field(description="The connector that is installed.")
    def connector(self, info: Info) -> Connector | None:
        """Return the connector, or `None` where this deployment no longer has it."""
        return Connector.resolve_reference(info, strawberry.ID(self._row.connector))

    @strawberry.field(description="Every revision of its set-up, newest first.")
    async def revisions(self, info: Info) -> list[InstallationRevision]:
        """Load the history of the installation."""
        loaders = info.context.loaders_of(InstallationLoaders)
        return [InstallationRevision.of(row) for row in await loaders.revisions.load(self._row.id)]

    @classmethod
    async def resolve_reference(cls, info: Info, id: strawberry.ID) -> Installation | None:
        """Return the installation of a federation reference, or `None` outside the scope."""
        loaders = info.context.loaders_of(InstallationLoaders)
        row = await loaders.installation.load(uuid(id, "id"))
        return cls.of(row) if row else None

    @classmethod
    def of(cls, row: InstallationRow) -> Installation:
        """Return the GraphQL object of a row."""
        return cls(
            id=strawberry.ID(str(row.id)),
            name=row.name,
            system=row.system,
            configuration=JSON(row.configuration),
            credential_names=row.credential_names,
            credentials_changed_at=row.credentials_changed_at,
            revision=row.revision,
            state=InstallationState(row.state),
            priority=row.priority,
            interval_seconds=row.interval_seconds,
            next_due_at=row.next_due_at,
            created_by=User(id=strawberry.ID(str(row.created_by))),
            created_at=row.created_at,
            updated_at=row.updated_at,
            _row=row,
        )


@strawberry.type
class InstallationQuery:
    """Queries for installations."""

    @strawberry.field(description="One installation.", metadata=right("Installation"))
    async def installation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The installation's id.")],
    ) -> Installation | None:
        """Load one installation."""
        return await Installation.resolve_reference(info, id)

    @strawberry.field(
        description="All installations, newest first.", metadata=right("Installation")
    )
    async def installations(
        self, info: Info, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Installation]:
        """Load one page of installations."""
        scope = info.context.scope("Installation")
        rows = await info.context.read(_page, scope, Window(first, after))
        connection: Connection[Installation] = connect(rows, _installation)
        return connection


def _page(session: Session, scope: Scope, window: Window) -> Any:
    order: Any = ((store.installation.c.created_at, "desc"), (store.installation.c.id, "desc"))
    return page(session, store.all_rows(scope), order=order, window=window)


def _installation(row: Any) -> Installation:
    return Installation.of(InstallationRow(*row[: len(InstallationRow.__dataclass_fields__)]))
