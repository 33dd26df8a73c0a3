"""Mutations that set up a source, change its set-up, pause it and resume it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session
from strawberry.scalars import JSON

from chassis.api.context import Info
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from integrations.core.api.ids import uuid
from integrations.core.domain.seal import seal
from integrations.installations import commands, store
from integrations.installations.api.installation import Installation, InstallationState
from integrations.installations.api.loaders import InstallationLoaders
from integrations.installations.commands import SetUp, check_set_up, missing
from integrations.installations.services import (
    check_credentials,
    check_stored_credentials,
    open_connector,
)
from integrations.installations.store import InstallationRow


@strawberry.type(
    description="The installation after a write, or the reasons why the write was refused."
)
class InstallationPayload:
    """The result of a mutation of an installation."""

    installation: Installation | None = strawberry.field(
        default=None, description="The installation after the write."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why the write was refused; empty when it was done.",
    )


@strawberry.input(description="A source to set up.")
class InstallConnectorInput:
    """The set-up of a new installation."""

    connector_id: strawberry.ID = strawberry.field(description="The id of one of `connectors`.")
    name: str = strawberry.field(description="The display name, 1 to 100 characters.")
    configuration: JSON = strawberry.field(
        description="The configuration, valid under the connector's configurationSchema."
    )
    credentials: JSON | None = strawberry.field(
        default=None,
        description="The credentials, valid under the connector's credentialsSchema; stored "
        "encrypted and never returned.",
    )
    interval_seconds: int | None = strawberry.field(
        default=None,
        description="The interval between runs, 10 to 2678400 seconds; null: only on request.",
    )
    priority: int = strawberry.field(
        default=100,
        description="0 to 1000; where several sources have a value for a field, the smaller number "
        "wins.",
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A repeated request with the same key is not executed again (7 days).",
    )


@strawberry.input(description="Changes of an installation; omitted fields stay as they are.")
class UpdateInstallationInput:
    """The changed part of a set-up."""

    id: strawberry.ID = strawberry.field(description="The installation's id.")
    expected_revision: int = strawberry.field(
        description="The revision you have read; any other present revision is a CONFLICT."
    )
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="The new name, 1 to 100 characters."
    )
    configuration: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="The complete new configuration."
    )
    credentials: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="All new credentials."
    )
    interval_seconds: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="The new interval between runs, in seconds; null: only on request.",
    )
    priority: int | None = strawberry.field(
        default=strawberry.UNSET, description="The new priority, 0 to 1000."
    )
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="A repeated request with the same key is not executed again (7 days).",
    )


@strawberry.type
class InstallationMutation:
    """Mutations for installations."""

    @strawberry.mutation(
        description="Set up a source. With a schedule its first run starts at once.",
        metadata=right("Installation", "create"),
    )
    @answers(InstallationPayload)
    async def install_connector(
        self,
        info: Info,
        input: Annotated[
            InstallConnectorInput, strawberry.argument(description="The set-up of the source.")
        ],
    ) -> InstallationPayload:
        """Create an installation."""
        check_set_up(input.name, input.interval_seconds, input.priority)
        configuration: Any = input.configuration
        kind, connector = open_connector(input.connector_id, configuration)
        set_up = SetUp(
            name=input.name,
            connector=kind.id,
            system=connector.spec.id,
            configuration=configuration,
            credentials=check_credentials(kind, configuration, input.credentials or {}),
            interval_seconds=input.interval_seconds,
            priority=input.priority,
        )
        scope = info.context.scope("Installation", "create")
        key = info.context.runtime.settings.credential_key
        id = await info.context.write(_install, scope, key, set_up, input.idempotency_key)
        return InstallationPayload(installation=await _reload(info, id))

    @strawberry.mutation(
        description="Change a set-up. An active run continues with the one it started with.",
        metadata=right("Installation", "update"),
    )
    @answers(InstallationPayload)
    async def update_installation(
        self,
        info: Info,
        input: Annotated[UpdateInstallationInput, strawberry.argument(description="The changes.")],
    ) -> InstallationPayload:
        """Change an installation."""
        id = uuid(input.id, "id")
        present = await info.context.loaders_of(InstallationLoaders).installation.load(id)
        if present is None:
            raise missing(id)
        set_up = _changed_set_up(present, input)
        scope = info.context.scope("Installation", "update")
        key = info.context.runtime.settings.credential_key
        await info.context.write(
            _change, scope, key, id, set_up, input.expected_revision, input.idempotency_key
        )
        return InstallationPayload(installation=await _reload(info, id))

    @strawberry.mutation(
        description="Pause an installation: no run is scheduled; an active run is finished.",
        metadata=right("Installation", "update"),
    )
    @answers(InstallationPayload)
    async def pause_installation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The installation's id.")],
        expected_revision: Annotated[
            int | None, strawberry.argument(description="The revision you have read.")
        ] = None,
    ) -> InstallationPayload:
        """Pause an installation."""
        return await _set_state(info, id, InstallationState.PAUSED, expected_revision)

    @strawberry.mutation(
        description="Resume an installation; with a schedule its next run starts at once.",
        metadata=right("Installation", "update"),
    )
    @answers(InstallationPayload)
    async def resume_installation(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The installation's id.")],
        expected_revision: Annotated[
            int | None, strawberry.argument(description="The revision you have read.")
        ] = None,
    ) -> InstallationPayload:
        """Resume an installation."""
        return await _set_state(info, id, InstallationState.ACTIVE, expected_revision)


def _changed_set_up(present: InstallationRow, input: UpdateInstallationInput) -> SetUp:
    name = _or_present(input.name, present.name)
    configuration = _or_present(input.configuration, present.configuration)
    kind, connector = open_connector(present.connector, configuration)
    interval = (
        present.interval_seconds
        if input.interval_seconds is strawberry.UNSET
        else input.interval_seconds
    )
    priority = _or_present(input.priority, present.priority)
    check_set_up(name, interval, priority)
    credentials = _or_present(input.credentials, None)
    if credentials is not None:
        credentials = check_credentials(kind, configuration, credentials)
    else:
        check_stored_credentials(configuration, present.credential_names)
    return SetUp(
        name=name,
        connector=present.connector,
        system=connector.spec.id,
        configuration=configuration,
        credentials=credentials,
        interval_seconds=interval,
        priority=priority,
    )


def _or_present(value: Any, present: Any) -> Any:
    return present if value is strawberry.UNSET or value is None else value


async def _set_state(
    info: Info, id: str, state: InstallationState, expected_revision: int | None
) -> InstallationPayload:
    scope = info.context.scope("Installation", "update")
    changed = await info.context.write(
        commands.set_state, scope, uuid(id, "id"), state.value, expected_revision
    )
    return InstallationPayload(installation=await _reload(info, changed))


async def _reload(info: Info, id: UUID) -> Installation | None:
    """Read the installation past the loader, which may hold the row from before the write."""
    scope = info.context.scope("Installation")
    (row,) = await info.context.read(store.by_ids, scope, [id])
    return Installation.of(row) if row else None


def _install(
    session: Session, scope: Scope, key: str, set_up: SetUp, idempotency_key: str | None
) -> UUID:
    def install() -> dict[str, str]:
        return {"id": str(commands.install(session, scope, seal(key), set_up))}

    result = run_idempotent(
        session,
        scope.actor.user_id,
        idempotency_key,
        "installConnector",
        install,
        request=_request(set_up),
    )
    return UUID(result["id"])


def _change(
    session: Session,
    scope: Scope,
    key: str,
    id: UUID,
    set_up: SetUp,
    expected_revision: int,
    idempotency_key: str | None,
) -> UUID:
    def change() -> dict[str, str]:
        changed = commands.change(session, scope, seal(key), id, set_up, expected_revision)
        return {"id": str(changed)}

    result = run_idempotent(
        session,
        scope.actor.user_id,
        idempotency_key,
        "updateInstallation",
        change,
        request={"id": str(id), "expected": expected_revision} | _request(set_up),
    )
    return UUID(result["id"])


def _request(set_up: SetUp) -> dict[str, Any]:
    """Return what makes two requests the same; secrets only by their names."""
    return {
        "name": set_up.name,
        "connector": set_up.connector,
        "configuration": dict(set_up.configuration),
        "credentials": sorted(set_up.credentials or ()),
        "interval": set_up.interval_seconds,
        "priority": set_up.priority,
    }
