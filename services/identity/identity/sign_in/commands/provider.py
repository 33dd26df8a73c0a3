"""Setting up who else may say who somebody is. Secrets and addresses stay out of the ledger."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TypeVar

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput, Conflict, Denied, NotFound
from chassis.policy.scope import Scope
from identity.core.domain.ids import DepartmentId, ProviderId
from identity.core.domain.seal import Seal
from identity.core.domain.version import refuse_stale
from identity.people.store import department as departments
from identity.policy.domain import role as role_domain
from identity.policy.store import role as roles
from identity.sign_in.domain import provider as domain
from identity.sign_in.domain.provider import Admission, Mapped, UsernameForm
from identity.sign_in.store import provider as store, provider_session as provider_sessions
from identity.sign_in.store.provider import ProviderRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """Stands where a change says nothing."""


KEPT = Kept()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a provider is to be; what is left out stays, or is the default of a new one."""

    title: str | Kept = KEPT
    issuer: str | Kept = KEPT
    client_id: str | Kept = KEPT
    client_secret: str | Kept | None = KEPT
    scopes: tuple[str, ...] | Kept = KEPT
    claims: Mapped | Kept = KEPT
    admission: Admission | Kept = KEPT
    domains: tuple[str, ...] | Kept = KEPT
    username_form: UsernameForm | Kept = KEPT
    department: DepartmentId | Kept | None = KEPT
    roles: tuple[str, ...] | Kept = KEPT
    trusts_second_factor: bool | Kept = KEPT
    enabled: bool | Kept = KEPT


def create_provider(
    session: Session, scope: Scope, seal: Seal, name: str, wanted: Wanted, *, insecure: bool
) -> ProviderId:
    """Let a provider say who somebody is."""
    slug = domain.name(name)
    if store.by_name(session, slug) is not None:
        raise Conflict(
            "There is a provider of this name already; choose another one.",
            "该名称的登录方式已存在，请换一个。",
            field="name",
        )
    values = _checked(session, scope, wanted, None, insecure=insecure)
    id = store.add(session, values | {"name": slug, "seal": seal.name})
    secret = _value(wanted.client_secret, None)
    store.keep_secret(session, seal, id, _secret(secret))
    _tell(session, scope, id, "create", None, values, secret is not None)
    return id


def update_provider(
    session: Session,
    scope: Scope,
    seal: Seal,
    id: ProviderId,
    wanted: Wanted,
    expected: int | None,
    *,
    insecure: bool,
) -> ProviderId:
    """Change a provider. Switched off, or pointed elsewhere, it ends the sessions it began."""
    present = store.locked(session, scope, id)
    if present is None:
        raise NotFound(f"No provider {id} exists.", f"未找到登录方式 {id}。", field="id")
    refuse_stale(present.version, expected)
    values = _checked(session, scope, wanted, present, insecure=insecure)
    store.change(session, id, values)
    if not isinstance(wanted.client_secret, Kept):
        store.keep_secret(session, seal, id, _secret(wanted.client_secret))
    elsewhere = (values["issuer"], values["client_id"]) != (present.issuer, present.client_id)
    if elsewhere or not values["enabled"]:
        provider_sessions.end_all(session, id)
    changed = not isinstance(wanted.client_secret, Kept)
    _tell(session, scope, id, "update", present, values, changed)
    return id


def _checked(
    session: Session, scope: Scope, wanted: Wanted, present: ProviderRow | None, *, insecure: bool
) -> dict[str, object]:
    """Every column as it will be; checks look at the whole, since parts depend on one another."""
    admission = _value(wanted.admission, present.admission if present else Admission.LINKED)
    form = _value(wanted.username_form, present.username_form if present else UsernameForm.ADDRESS)
    given = _value(wanted.roles, present.roles if present else ())
    department = _value(wanted.department, present.department if present else None)
    _refuse_roles(session, scope, given, present.roles if present else ())
    if department is not None and departments.depth(session, department) == 0:
        raise BadInput(
            f"departmentId {department} is no department.",
            f"departmentId {department} 不是现有部门。",
            field="departmentId",
        )
    scopes = _value(wanted.scopes, present.scopes if present else ("profile", "email"))
    named = _value(wanted.domains, present.domains if present else ())
    return {
        "title": domain.title(_value(wanted.title, present.title if present else "")),
        "issuer": domain.issuer(
            _value(wanted.issuer, present.issuer if present else ""), insecure=insecure
        ),
        "client_id": domain.client_id(
            _value(wanted.client_id, present.client_id if present else "")
        ),
        "scopes": domain.scopes(scopes),
        "claims": domain.mapped(_value(wanted.claims, present.claims if present else Mapped())),
        "admission": admission,
        "domains": domain.domains(named, admission, form),
        "username_form": form,
        "department_id": department,
        "roles": tuple(sorted(set(given))),
        "trusts_second_factor": _value(
            wanted.trusts_second_factor, present.trusts_second_factor if present else False
        ),
        "enabled": _value(wanted.enabled, present.enabled if present else True),
    }


def _refuse_roles(
    session: Session, scope: Scope, given: tuple[str, ...], before: tuple[str, ...]
) -> None:
    """Who has which role is policy: what everybody who comes gets needs the right to give it."""
    if set(given) == set(before):
        return
    if not scope.may("Role", "update"):
        raise Denied(
            "Giving roles needs the right to update Role, which the policy does not give you.",
            "授予角色需要 Role 的 update 权限，当前策略未授予您。",
            coordinate="Role",
            action="update",
        )
    role_domain.refuse_unknown(given, list(roles.names(session)), field="roles")


def _secret(text: str | None) -> str | None:
    found = (text or "").strip()
    if len(found) > domain.LONGEST_SECRET:
        raise BadInput(
            f"clientSecret has more than {domain.LONGEST_SECRET} characters.",
            f"clientSecret 超过 {domain.LONGEST_SECRET} 个字符。",
            field="clientSecret",
        )
    return found or None


def _value(said: T | Kept, otherwise: T) -> T:
    return otherwise if isinstance(said, Kept) else said


def _tell(
    session: Session,
    scope: Scope,
    id: ProviderId,
    action: str,
    before: ProviderRow | None,
    values: dict[str, object],
    secret_changed: bool,
) -> None:
    changes: dict[str, list[str | None]] = {}
    known = {field.name for field in fields(ProviderRow)}
    for name, value in values.items():
        old_name = "department" if name == "department_id" else name
        old = getattr(before, old_name) if before is not None and old_name in known else None
        if before is None or old != value:
            changes[name] = [None if before is None else _text(old), _text(value)]
    if secret_changed:
        changes["client_secret"] = ["***", "***"]
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            action,
            "SignInProvider",
            str(id),
            changes=changes,
            policy_version=scope.version,
        ),
    )


def _text(value: object) -> str | None:
    match value:
        case None:
            return None
        case Admission() | UsernameForm():
            return str(value.value)
        case tuple():
            return ", ".join(map(str, value))
        case Mapped():
            return ", ".join((value.display_name, value.email, value.email_verified))
    return str(value)
