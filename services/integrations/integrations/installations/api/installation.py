"""Installations: connectors set up with a configuration and with credentials nobody reads back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy.orm import Session
from strawberry.scalars import JSON

from chassis.api.paging import DEFAULT_FIRST, After, Connection, First, Window, connect, page
from chassis.api.problems import UserError, answers
from chassis.api.rights import right
from chassis.errors import BadInput
from chassis.idempotency import run_idempotent
from chassis.policy.scope import Scope
from integrations.connectors import installed
from integrations.contract import Connector as Opened, Kind
from integrations.core.api.ids import uuid
from integrations.core.api.words import InstallationState, IntegrationsInfo, User
from integrations.core.domain import form
from integrations.core.domain.seal import seal
from integrations.installations import commands, store
from integrations.installations.api.connector import Connector
from integrations.installations.commands import Wanted, missing
from integrations.installations.store import InstallationRow, RevisionRow
from integrations.rest.template import names as credential_names
from integrations.sync.api.sync_run import SyncRun, run_of, runs_page


@strawberry.type(description="How an installation was set up at one time.")
class InstallationRevision:
    revision: int = strawberry.field(description="Counted from 1.")
    name: str = strawberry.field(description="Its name then.")
    configuration: JSON = strawberry.field(description="Its configuration then.")
    interval_seconds: int | None = strawberry.field(description="Its schedule then.")
    credentials_changed: bool = strawberry.field(
        description="Whether credentials were entered with this change."
    )
    changed_by: User | None = strawberry.field(description="Who made the change.")
    changed_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, row: RevisionRow) -> InstallationRevision:
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
    id: strawberry.ID = strawberry.field(description="The installation's id.")
    name: str = strawberry.field(description="What people call it.")
    system: str = strawberry.field(description="What claims call the source.")
    configuration: JSON = strawberry.field(description="Its configuration, without secrets.")
    credential_names: list[str] = strawberry.field(
        description="Which credentials are set. Their values are never told."
    )
    credentials_changed_at: datetime | None = strawberry.field(
        description="When credentials were last entered."
    )
    revision: int = strawberry.field(
        description="Grows with every change; give it back as expectedRevision."
    )
    state: InstallationState = strawberry.field(description="Whether it runs.")
    priority: int = strawberry.field(
        description="Which source wins where several say something about one field; smaller wins."
    )
    interval_seconds: int | None = strawberry.field(
        description="How often it runs; null: only when asked."
    )
    next_due_at: datetime | None = strawberry.field(description="When it runs next.")
    created_by: User | None = strawberry.field(description="Who installed it.")
    created_at: datetime = strawberry.field(description="When it was installed.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    _row: strawberry.Private[InstallationRow]

    @strawberry.field(description="The sort of source.")
    def connector(self, info: IntegrationsInfo) -> Connector | None:
        return Connector.resolve_reference(info, strawberry.ID(self._row.connector))

    @strawberry.field(description="The newest run.", metadata=right("SyncRun"))
    async def latest_run(self, info: IntegrationsInfo) -> SyncRun | None:
        found = await info.context.loaders.latest_runs.load(self._row.id)
        return SyncRun.of(found) if found else None

    @strawberry.field(description="All its runs, the newest first.", metadata=right("SyncRun"))
    async def runs(
        self, info: IntegrationsInfo, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[SyncRun]:
        scope = info.context.scope("SyncRun")
        found = await info.context.read(runs_page, scope, self._row.id, Window(first, after))
        answer: Connection[SyncRun] = connect(found, run_of)
        return answer

    @strawberry.field(description="How many dead letters are open.", metadata=right("DeadLetter"))
    async def open_dead_letters(self, info: IntegrationsInfo) -> int:
        count: int = await info.context.loaders.open_letters.load(self._row.id)
        return count

    @strawberry.field(description="Every change of its set-up, the newest first.")
    async def revisions(self, info: IntegrationsInfo) -> list[InstallationRevision]:
        found = await info.context.loaders.revisions.load(self._row.id)
        return [InstallationRevision.of(row) for row in found]

    @classmethod
    async def resolve_reference(
        cls, info: IntegrationsInfo, id: strawberry.ID
    ) -> Installation | None:
        found = await info.context.loaders.installations.load(uuid(id, "id"))
        return cls.of(found) if found else None

    @classmethod
    def of(cls, row: InstallationRow) -> Installation:
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


@strawberry.type(description="The installation after a write, or why it was refused.")
class InstallationPayload:
    installation: Installation | None = strawberry.field(
        default=None, description="The installation as it is now."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list, description="Why nothing was done; empty: it was done."
    )


@strawberry.input(description="A source to set up.")
class InstallConnectorInput:
    connector_id: strawberry.ID = strawberry.field(description="One of `connectors`.")
    name: str = strawberry.field(description="What people will call it, 1 to 100 characters.")
    configuration: JSON = strawberry.field(
        description="In the form of the connector's configurationSchema."
    )
    credentials: JSON | None = strawberry.field(
        default=None,
        description="In the form of its credentialsSchema; stored encrypted, never told again.",
    )
    interval_seconds: int | None = strawberry.field(
        default=None, description="How often it runs, 10 to 2678400; null: only when asked."
    )
    priority: int = strawberry.field(
        default=100, description="0 to 1000; of several sources the smaller number wins a field."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="Sent again with the same key, it is not done again (7 days)."
    )


@strawberry.input(description="What shall change; what is left out stays as it is.")
class UpdateInstallationInput:
    id: strawberry.ID = strawberry.field(description="The installation's id.")
    expected_revision: int = strawberry.field(
        description="The revision you have read; another one is a CONFLICT."
    )
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Another name, 1 to 100 characters."
    )
    configuration: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Another configuration, whole."
    )
    credentials: JSON | None = strawberry.field(
        default=strawberry.UNSET, description="Other credentials, whole."
    )
    interval_seconds: int | None = strawberry.field(
        default=strawberry.UNSET, description="Another schedule; null: only when asked."
    )
    priority: int | None = strawberry.field(
        default=strawberry.UNSET, description="Another priority, 0 to 1000."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="Sent again with the same key, it is not done again (7 days)."
    )


@strawberry.type
class InstallationQuery:
    @strawberry.field(description="One installation.", metadata=right("Installation"))
    async def installation(
        self,
        info: IntegrationsInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="The installation's id.")],
    ) -> Installation | None:
        return await Installation.resolve_reference(info, id)

    @strawberry.field(
        description="Every installation, the newest first.", metadata=right("Installation")
    )
    async def installations(
        self, info: IntegrationsInfo, first: First = DEFAULT_FIRST, after: After = None
    ) -> Connection[Installation]:
        scope = info.context.scope("Installation")
        found = await info.context.read(_page, scope, Window(first, after))
        answer: Connection[Installation] = connect(found, _of)
        return answer


@strawberry.type
class InstallationMutation:
    @strawberry.mutation(
        description="Set up a source. With a schedule its first run begins at once.",
        metadata=right("Installation", "create"),
    )
    @answers(InstallationPayload)
    async def install_connector(
        self,
        info: IntegrationsInfo,
        input: Annotated[
            InstallConnectorInput, strawberry.argument(description="How to set it up.")
        ],
    ) -> InstallationPayload:
        commands.check(input.name, input.interval_seconds, input.priority)
        configuration: Any = input.configuration
        kind, opened = opened_kind(input.connector_id, configuration)
        wanted = Wanted(
            name=input.name,
            connector=kind.id,
            system=opened.spec.id,
            configuration=configuration,
            credentials=credentials_of(kind, configuration, input.credentials or {}),
            interval_seconds=input.interval_seconds,
            priority=input.priority,
        )
        scope = info.context.scope("Installation", "create")
        key = info.context.runtime.settings.credential_key
        id = await info.context.write(_install, scope, key, wanted, input.idempotency_key)
        return InstallationPayload(installation=await _fresh(info, id))

    @strawberry.mutation(
        description="Change a set-up. A run that goes on keeps the one it began with.",
        metadata=right("Installation", "update"),
    )
    @answers(InstallationPayload)
    async def update_installation(
        self,
        info: IntegrationsInfo,
        input: Annotated[
            UpdateInstallationInput, strawberry.argument(description="What shall change.")
        ],
    ) -> InstallationPayload:
        present = await info.context.loaders.installations.load(uuid(input.id, "id"))
        if present is None:
            raise missing(uuid(input.id, "id"))
        wanted = _changed(present, input)
        scope = info.context.scope("Installation", "update")
        key = info.context.runtime.settings.credential_key
        id = await info.context.write(
            _change, scope, key, present.id, wanted, input.expected_revision, input.idempotency_key
        )
        return InstallationPayload(installation=await _fresh(info, id))

    @strawberry.mutation(
        description="Nothing is scheduled any more; a run that goes on is finished.",
        metadata=right("Installation", "update"),
    )
    @answers(InstallationPayload)
    async def pause_installation(
        self,
        info: IntegrationsInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="Which installation.")],
        expected_revision: Annotated[
            int | None, strawberry.argument(description="The revision you have read.")
        ] = None,
    ) -> InstallationPayload:
        return await _set_state(info, id, InstallationState.PAUSED, expected_revision)

    @strawberry.mutation(
        description="Takes up its schedule again, beginning at once.",
        metadata=right("Installation", "update"),
    )
    @answers(InstallationPayload)
    async def resume_installation(
        self,
        info: IntegrationsInfo,
        id: Annotated[strawberry.ID, strawberry.argument(description="Which installation.")],
        expected_revision: Annotated[
            int | None, strawberry.argument(description="The revision you have read.")
        ] = None,
    ) -> InstallationPayload:
        return await _set_state(info, id, InstallationState.ACTIVE, expected_revision)


def opened_kind(connector_id: str, configuration: Any) -> tuple[Kind, Opened]:
    """The connector with this configuration. Raises `BadInput`."""
    kind = installed().get(connector_id)
    if kind is None:
        known = ", ".join(installed())
        raise BadInput(
            f"There is no connector {connector_id[:60]!r}; there are: {known}.",
            f"没有名为 {connector_id[:60]!r} 的连接器，可用的有：{known}。",
            field="connectorId",
        )
    if not isinstance(configuration, dict):
        raise BadInput(
            "configuration must be an object in the form of configurationSchema.",
            "configuration 应为符合 configurationSchema 的对象。",
            field="configuration",
        )
    return kind, kind.open(configuration)


def credentials_of(kind: Kind, configuration: Mapping[str, Any], said: Any) -> dict[str, str]:
    """The credentials, found to be well-formed. No value is repeated in an error."""
    if not isinstance(said, dict):
        raise BadInput(
            "credentials must be an object in the form of credentialsSchema.",
            "credentials 应为符合 credentialsSchema 的对象。",
            field="credentials",
        )
    form.refuse(form.problems(kind.credentials, said, secret=True), "credentials")
    missing_names = sorted(credential_names(configuration) - set(said))
    if missing_names:
        raise BadInput(
            f"The spec speaks of {', '.join(missing_names)}; give a value for each.",
            f"规格中引用了 {'、'.join(missing_names)}，请逐一填写。",
            field=f"credentials.{missing_names[0]}",
        )
    return dict(said)


def _changed(present: InstallationRow, input: UpdateInstallationInput) -> Wanted:
    name = _or(input.name, present.name)
    configuration = _or(input.configuration, present.configuration)
    kind, opened = opened_kind(present.connector, configuration)
    interval = (
        present.interval_seconds
        if input.interval_seconds is strawberry.UNSET
        else input.interval_seconds
    )
    priority = _or(input.priority, present.priority)
    commands.check(name, interval, priority)
    given = _or(input.credentials, None)
    if given is not None:
        given = credentials_of(kind, configuration, given)
    else:
        credentials_of_before(configuration, present.credential_names)
    return Wanted(
        name=name,
        connector=present.connector,
        system=opened.spec.id,
        configuration=configuration,
        credentials=given,
        interval_seconds=interval,
        priority=priority,
    )


def credentials_of_before(configuration: Mapping[str, Any], present: list[str]) -> None:
    """Credentials that were entered earlier must be enough for another configuration too."""
    lacking = sorted(credential_names(configuration) - set(present))
    if lacking:
        raise BadInput(
            f"The spec speaks of {', '.join(lacking)}, which was not entered; give credentials.",
            f"规格中引用了尚未填写的 {'、'.join(lacking)}，请一并提供 credentials。",
            field=f"credentials.{lacking[0]}",
        )


def _or(given: Any, present: Any) -> Any:
    return present if given is strawberry.UNSET or given is None else given


async def _set_state(
    info: IntegrationsInfo, id: str, state: InstallationState, expected: int | None
) -> InstallationPayload:
    scope = info.context.scope("Installation", "update")
    changed = await info.context.write(
        commands.set_state, scope, uuid(id, "id"), state.value, expected
    )
    return InstallationPayload(installation=await _fresh(info, changed))


async def _fresh(info: IntegrationsInfo, id: UUID) -> Installation | None:
    """As it is now, whatever this request has read before."""
    scope = info.context.scope("Installation")
    (found,) = await info.context.read(store.by_ids, scope, [id])
    return Installation.of(found) if found else None


def _install(
    session: Session, scope: Scope, key: str, wanted: Wanted, once_key: str | None
) -> UUID:
    def run() -> dict[str, str]:
        return {"id": str(commands.install(session, scope, seal(key), wanted))}

    me = scope.actor.user_id
    done = run_idempotent(session, me, once_key, "installConnector", run, request=_asked(wanted))
    return UUID(done["id"])


def _change(
    session: Session,
    scope: Scope,
    key: str,
    id: UUID,
    wanted: Wanted,
    expected: int,
    once_key: str | None,
) -> UUID:
    def run() -> dict[str, str]:
        return {"id": str(commands.change(session, scope, seal(key), id, wanted, expected))}

    me = scope.actor.user_id
    asked = {"id": str(id), "expected": expected} | _asked(wanted)
    return UUID(
        run_idempotent(session, me, once_key, "updateInstallation", run, request=asked)["id"]
    )


def _asked(wanted: Wanted) -> dict[str, Any]:
    """What makes two requests the same; secrets only by their names."""
    return {
        "name": wanted.name,
        "connector": wanted.connector,
        "configuration": dict(wanted.configuration),
        "credentials": sorted(wanted.credentials or ()),
        "interval": wanted.interval_seconds,
        "priority": wanted.priority,
    }


def _page(session: Session, scope: Scope, window: Window) -> Any:
    order: Any = ((store.installation.c.created_at, "desc"), (store.installation.c.id, "desc"))
    return page(session, store.all_rows(scope), order=order, window=window)


def _of(row: Any) -> Installation:
    return Installation.of(InstallationRow(*row[: len(InstallationRow.__dataclass_fields__)]))
