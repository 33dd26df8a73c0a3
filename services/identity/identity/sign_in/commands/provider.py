"""Set up sign-in providers. Secrets and addresses stay out of the audit ledger."""

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
from identity.people.domain import role as role_domain
from identity.people.store import department as departments, role as roles
from identity.sign_in.domain import provider as domain
from identity.sign_in.domain.provider import Admission, ClaimMapping, UsernameForm
from identity.sign_in.store import provider as store, provider_session as provider_sessions
from identity.sign_in.store.provider import ProviderRow

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The type of the marker for a value that a change leaves as it is."""


UNCHANGED = Unchanged()


@dataclass(frozen=True, slots=True)
class ProviderValues:
    """Requested values of a provider; those left out stay, or are the defaults of a new one."""

    title: str | Unchanged = UNCHANGED
    issuer: str | Unchanged = UNCHANGED
    client_id: str | Unchanged = UNCHANGED
    client_secret: str | Unchanged | None = UNCHANGED
    scopes: tuple[str, ...] | Unchanged = UNCHANGED
    claims: ClaimMapping | Unchanged = UNCHANGED
    admission: Admission | Unchanged = UNCHANGED
    domains: tuple[str, ...] | Unchanged = UNCHANGED
    username_form: UsernameForm | Unchanged = UNCHANGED
    department: DepartmentId | Unchanged | None = UNCHANGED
    roles: tuple[str, ...] | Unchanged = UNCHANGED
    trusts_second_factor: bool | Unchanged = UNCHANGED
    enabled: bool | Unchanged = UNCHANGED


def create_provider(
    session: Session,
    scope: Scope,
    seal: Seal,
    name: str,
    requested: ProviderValues,
    *,
    insecure: bool,
) -> ProviderId:
    """Create a sign-in provider and return its id."""
    slug = domain.check_name(name)
    if store.by_name(session, slug) is not None:
        raise Conflict(
            "name is used by another sign-in provider; choose a different one.",
            "name 已被其他登录提供方使用，请换一个名称。",
            field="name",
        )
    values = _check_values(session, scope, requested, None, insecure=insecure)
    id = store.add(session, values | {"name": slug, "seal": seal.name})
    secret = _value_or(requested.client_secret, None)
    store.set_client_secret(session, seal, id, _check_secret(secret))
    _record_change(session, scope, id, "create", None, values, secret is not None)
    return id


def update_provider(
    session: Session,
    scope: Scope,
    seal: Seal,
    id: ProviderId,
    requested: ProviderValues,
    expected_version: int | None,
    *,
    insecure: bool,
) -> ProviderId:
    """Change a provider. If it is disabled or points elsewhere, the sessions it began end."""
    current = store.lock(session, scope, id)
    if current is None:
        raise NotFound(
            f"No sign-in provider with id {id} exists.",
            f"未找到 id 为 {id} 的登录提供方。",
            field="id",
        )
    refuse_stale(current.version, expected_version)
    values = _check_values(session, scope, requested, current, insecure=insecure)
    store.change(session, id, values)
    if not isinstance(requested.client_secret, Unchanged):
        store.set_client_secret(session, seal, id, _check_secret(requested.client_secret))
    redirected = (values["issuer"], values["client_id"]) != (current.issuer, current.client_id)
    if redirected or not values["enabled"]:
        provider_sessions.end_all(session, id)
    secret_changed = not isinstance(requested.client_secret, Unchanged)
    _record_change(session, scope, id, "update", current, values, secret_changed)
    return id


def _check_values(
    session: Session,
    scope: Scope,
    requested: ProviderValues,
    current: ProviderRow | None,
    *,
    insecure: bool,
) -> dict[str, object]:
    """Return every column value after the change.

    The values are checked as a whole, since they depend on each other.
    """
    admission = _value_or(requested.admission, current.admission if current else Admission.LINKED)
    form = _value_or(
        requested.username_form, current.username_form if current else UsernameForm.ADDRESS
    )
    role_names = _value_or(requested.roles, current.roles if current else ())
    department = _value_or(requested.department, current.department if current else None)
    _check_roles(session, scope, role_names, current.roles if current else ())
    if department is not None and departments.depth(session, department) == 0:
        raise BadInput(
            f"departmentId {department} is not the id of a department.",
            f"departmentId {department} 不是现有部门的 id。",
            field="departmentId",
        )
    scopes = _value_or(requested.scopes, current.scopes if current else ("profile", "email"))
    domain_names = _value_or(requested.domains, current.domains if current else ())
    return {
        "title": domain.check_title(_value_or(requested.title, current.title if current else "")),
        "issuer": domain.check_issuer(
            _value_or(requested.issuer, current.issuer if current else ""), insecure=insecure
        ),
        "client_id": domain.check_client_id(
            _value_or(requested.client_id, current.client_id if current else "")
        ),
        "scopes": domain.check_scopes(scopes),
        "claims": domain.check_claim_mapping(
            _value_or(requested.claims, current.claims if current else ClaimMapping())
        ),
        "admission": admission,
        "domains": domain.check_domains(domain_names, admission, form),
        "username_form": form,
        "department_id": department,
        "roles": tuple(sorted(set(role_names))),
        "trusts_second_factor": _value_or(
            requested.trusts_second_factor, current.trusts_second_factor if current else False
        ),
        "enabled": _value_or(requested.enabled, current.enabled if current else True),
    }


def _check_roles(
    session: Session, scope: Scope, role_names: tuple[str, ...], previous: tuple[str, ...]
) -> None:
    """Check the right to grant roles: new users of the provider receive them."""
    if set(role_names) == set(previous):
        return
    if not scope.may("Role", "update"):
        raise Denied(
            "Granting roles requires the right to update Role, which the policy does not give you.",
            "授予角色需要 Role 的 update 权限，当前策略未授予您。",
            coordinate="Role",
            action="update",
        )
    role_domain.refuse_unknown(role_names, list(roles.names(session)), field="roles")


def _check_secret(text: str | None) -> str | None:
    stripped = (text or "").strip()
    if len(stripped) > domain.MAX_SECRET_LENGTH:
        raise BadInput(
            f"clientSecret is too long; use at most {domain.MAX_SECRET_LENGTH} characters.",
            f"clientSecret 过长，最多 {domain.MAX_SECRET_LENGTH} 个字符。",
            field="clientSecret",
        )
    return stripped or None


def _value_or(value: T | Unchanged, default: T) -> T:
    return default if isinstance(value, Unchanged) else value


def _record_change(
    session: Session,
    scope: Scope,
    id: ProviderId,
    action: str,
    previous: ProviderRow | None,
    values: dict[str, object],
    secret_changed: bool,
) -> None:
    changes: dict[str, list[str | None]] = {}
    row_fields = {field.name for field in fields(ProviderRow)}
    for name, value in values.items():
        old_name = "department" if name == "department_id" else name
        old_value = (
            getattr(previous, old_name) if previous is not None and old_name in row_fields else None
        )
        if previous is None or old_value != value:
            changes[name] = [
                None if previous is None else _audit_text(old_value),
                _audit_text(value),
            ]
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


def _audit_text(value: object) -> str | None:
    match value:
        case None:
            return None
        case Admission() | UsernameForm():
            return str(value.value)
        case tuple():
            return ", ".join(map(str, value))
        case ClaimMapping():
            return ", ".join((value.display_name, value.email, value.email_verified))
    return str(value)
