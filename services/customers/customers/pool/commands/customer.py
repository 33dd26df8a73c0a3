"""What users do to a customer: create, correct, pin, assign, claim from the pool, share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput, Conflict, Denied
from chassis.idempotency import run_idempotent
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from customers.core.domain.ids import new_id
from customers.pool.commands.access_facts import publish_changed
from customers.pool.commands.audit_trail import masked_changes, record_audit
from customers.pool.commands.claims import record_claims, reelect_customers
from customers.pool.commands.locked_customer import (
    LockedCustomer,
    active_department,
    lock_customer,
)
from customers.pool.domain.fields import KINDS, field_called
from customers.pool.domain.match import Match, Pool, Suspicion, decide, score, suspicions
from customers.pool.domain.record import keys_of, value_of
from customers.pool.store import (
    claim as claim_store,
    customer as customer_store,
    link as link_store,
    locks,
    match as match_store,
)

MAX_COLLABORATORS = 200


@dataclass(frozen=True, slots=True)
class Creation:
    """A customer as a user enters it; without an owner it goes into the pool."""

    kind: str
    fields: Mapping[str, Any]
    owner_id: UUID | None
    allow_duplicate: bool = False
    idempotency_key: str | None = None


def create(session: Session, scope: Scope, creation: Creation, snapshot: Snapshot | None) -> UUID:
    """Create a customer and return its id; idempotent by the key.

    Raises `Conflict` where a strong key shows that it exists already, `Denied` where the policy
    does not permit this owner, and `BadInput`.
    """
    request = [creation.kind, dict(creation.fields), creation.owner_id, creation.allow_duplicate]
    result = run_idempotent(
        session,
        scope.actor.user_id,
        creation.idempotency_key,
        "createCustomer",
        lambda: {"id": str(_create(session, scope, creation, snapshot))},
        request=request,
    )
    return UUID(result["id"])


def _create(session: Session, scope: Scope, creation: Creation, snapshot: Snapshot | None) -> UUID:
    values = normalised_values(creation.fields)
    department = _permitted_department(scope, creation, values, snapshot)
    keys = keys_of(creation.kind, values)
    locks.lock_keys(session, keys, ())
    verdict = decide(creation.kind, keys, Pool.of(match_store.sharing_keys(session, keys)))
    if isinstance(verdict, Match) and not creation.allow_duplicate:
        raise Conflict(
            "The pool holds this customer already; use duplicateCheck to learn its owner.",
            "信息池中已有该客户，可用 duplicateCheck 查询负责人。",
            field=field_called(verdict.evidence[0].field).graph_name,
        )
    id = new_id()
    claimed = {field: value for field, value in values.items() if value is not None}
    _insert(session, id, creation, department, claimed)
    row = customer_store.by_ids_unscoped(session, [id])[id]
    record_claims(session, scope, LockedCustomer(row, id, scope.at(row.access)), values)
    pairs = [(id, suspicion) for suspicion in verdict.suspicions]
    if isinstance(verdict, Match):  # created as a duplicate: a steward reviews the match, too
        evidence = verdict.evidence
        pairs.append((id, Suspicion(verdict.customer_id, score(evidence), evidence)))
    match_store.open_candidates(session, pairs)
    publish_changed(session, [id])
    record_audit(session, scope.at(row.access), str(id), masked_changes({}, claimed))
    return id


def _permitted_department(
    scope: Scope,
    creation: Creation,
    values: Mapping[str, str | None],
    snapshot: Snapshot | None,
) -> UUID | None:
    """Return the department of the new customer's owner, if the creation is valid and permitted."""
    if creation.kind not in KINDS:
        raise BadInput(
            f"kind must be one of {', '.join(KINDS)}.",
            f"kind 只能是 {'、'.join(KINDS)}。",
            field="kind",
        )
    if values.get("name") is None:
        raise BadInput("name is missing; every customer has one.", "缺少客户名称。", field="name")
    owner_id = creation.owner_id
    department = active_department(snapshot, owner_id, "ownerId") if owner_id else None
    if not scope.sees(RowAccess(owner_id, department)):
        raise Denied(
            "The policy does not let you create customers for this owner.",
            "当前权限策略不允许您为该负责人创建客户。",
            field="ownerId",
        )
    return department


def _insert(
    session: Session,
    id: UUID,
    creation: Creation,
    department: UUID | None,
    golden: Mapping[str, str],
) -> None:
    at = link_store.now(session)
    customer_store.insert(
        session,
        [
            {
                "id": id,
                "kind": creation.kind,
                "version": 0,  # recording its claims makes the first version
                **customer_store.golden_columns(golden),
                "owner_id": creation.owner_id,
                "department_id": department,
                "collaborators": [],
                "created_at": at,
                "updated_at": at,
            }
        ],
    )


def normalised_values(fields: Mapping[str, Any]) -> dict[str, str | None]:
    """Return values in their normal spelling, by field.

    Raises `BadInput` with every problem at once, each under the client's name of the field.
    """
    values: dict[str, str | None] = {}
    problems: list[BadInput] = []
    for name, raw in fields.items():
        field = field_called(name, name)
        try:
            values[field.name] = value_of(field.name, raw)
        except BadInput as problem:
            problem.field = field.graph_name
            problems.append(problem)
    if problems:
        first, *others = problems
        first.also = tuple(others)
        raise first
    return values


def update(
    session: Session,
    scope: Scope,
    id: UUID,
    fields: Mapping[str, Any],
    expected_version: int | None,
    idempotency_key: str | None = None,
) -> UUID:
    """Record manual values of a customer; `None` withdraws one. Idempotent by the key."""

    def run() -> dict[str, Any]:
        values = normalised_values(fields)
        if not values:
            raise BadInput(
                "set names no field; name at least one.", "set 至少要包含一个字段。", field="set"
            )
        keys = {key for kind in KINDS for key in keys_of(kind, values)}
        customer = lock_customer(session, scope, id, expected_version, keys)
        before = customer_store.golden_of(customer.row)
        record_claims(session, scope, customer, values)
        present = customer_store.by_ids_unscoped(session, [customer.id])[customer.id]
        _suspect_others(session, customer, values)
        publish_changed(session, [customer.id])
        changes = masked_changes(before, customer_store.golden_of(present))
        record_audit(session, customer.scope, str(customer.id), changes)
        return {"id": str(customer.id)}

    request = [id, dict(fields)]
    return _run_idempotent(session, scope, idempotency_key, "updateCustomer", run, request)


def _suspect_others(
    session: Session, customer: LockedCustomer, values: Mapping[str, str | None]
) -> None:
    """Open match candidates for the customers that the new values point to."""
    kind, keys = customer.row.kind, keys_of(customer.row.kind, values)
    pool = Pool.of(match_store.sharing_keys(session, keys))
    others = suspicions(kind, keys, pool, customer.id)
    match_store.open_candidates(session, [(customer.id, suspicion) for suspicion in others])


def pin(
    session: Session,
    scope: Scope,
    id: UUID,
    field: str,
    claim_id: UUID | None,
    until: datetime | None,
    expected_version: int | None,
) -> UUID:
    """Pin a claim, so that it wins whatever the rules say; without a claim the field's pin ends."""
    name = field_called(field).name
    if until is not None and until.astimezone(UTC) <= datetime.now(UTC):
        raise BadInput("until must be in the future.", "until 必须是将来的时间。", field="until")
    customer = lock_customer(session, scope, id, expected_version)
    at = link_store.now(session)
    claims = claim_store.of_customers(session, [customer.id])[customer.id]
    if claim_id is not None and not any(
        claim.id == claim_id and claim.field == name for claim in claims
    ):
        raise BadInput(
            "claimId is not a present claim about this field of this customer; "
            "provenance lists them.",
            "claimId 不是该客户该字段的现有主张，请在 provenance 中查找。",
            field="claimId",
        )
    claim_store.unpin(session, customer.id, name, at)
    if claim_id is not None:
        claim_store.pin(session, claim_id, at, until)
    reelect_customers(session, [customer.row])
    publish_changed(session, [customer.id])
    changes = {f"pin.{name}": [None, str(claim_id) if claim_id else None]}
    record_audit(session, customer.scope, str(customer.id), changes)
    return customer.id


def assign(
    session: Session,
    scope: Scope,
    id: UUID,
    owner_id: UUID | None,
    expected_version: int | None,
    snapshot: Snapshot | None,
    idempotency_key: str | None = None,
) -> UUID:
    """Assign a customer to an owner and the owner's department; without an owner, to the pool."""

    def run() -> dict[str, Any]:
        customer = lock_customer(session, scope, id, expected_version)
        department = active_department(snapshot, owner_id, "ownerId") if owner_id else None
        _change_access(
            session,
            customer,
            {"owner_id": owner_id, "department_id": department},
            {"owner": [_text(customer.row.owner_id), _text(owner_id)]},
        )
        return {"id": str(customer.id)}

    request = [id, str(owner_id)]
    return _run_idempotent(session, scope, idempotency_key, "assignOwner", run, request)


def claim_from_pool(session: Session, scope: Scope, id: UUID, snapshot: Snapshot | None) -> UUID:
    """Make the actor the owner of a customer in the pool. Raises `Conflict` if it has one."""
    customer = lock_customer(session, scope, id)
    actor_id = scope.actor.user_id
    if customer.row.owner_id == actor_id:
        return customer.id
    if customer.row.owner_id is not None:
        raise Conflict(
            "This customer has an owner already; only customers in the pool can be claimed.",
            "该客户已有负责人，只能领取信息池中的客户。",
            field="id",
            version=customer.row.version,
        )
    department = active_department(snapshot, actor_id, "actor")
    columns = {"owner_id": actor_id, "department_id": department}
    _change_access(session, customer, columns, {"owner": [None, str(actor_id)]})
    return customer.id


def collaborate(
    session: Session,
    scope: Scope,
    id: UUID,
    user_id: UUID,
    *,
    joins: bool,
    expected_version: int | None,
    snapshot: Snapshot | None,
) -> UUID:
    """Add a user to the collaborators of a customer, or remove them."""
    customer = lock_customer(session, scope, id, expected_version)
    present = set(customer.row.collaborators)
    if joins:
        active_department(snapshot, user_id, "userId")
    after = present | {user_id} if joins else present - {user_id}
    if len(after) > MAX_COLLABORATORS:
        raise BadInput(
            f"A customer has at most {MAX_COLLABORATORS} collaborators.",
            f"一个客户最多 {MAX_COLLABORATORS} 位协作人。",
            field="userId",
        )
    if after != present:
        change = [None, str(user_id)] if joins else [str(user_id), None]
        columns = {"collaborators": sorted(after)}
        _change_access(session, customer, columns, {"collaborators": change})
    return customer.id


def _change_access(
    session: Session,
    customer: LockedCustomer,
    columns: Mapping[str, Any],
    changes: Mapping[str, list[str | None]],
) -> None:
    customer_store.update(session, [{"id": customer.id, **columns}])
    publish_changed(session, [customer.id])
    record_audit(session, customer.scope, str(customer.id), changes)


def _run_idempotent(
    session: Session,
    scope: Scope,
    key: str | None,
    command: str,
    run: Callable[[], dict[str, Any]],
    request: list[Any],
) -> UUID:
    result = run_idempotent(session, scope.actor.user_id, key, command, run, request=request)
    return UUID(result["id"])


def _text(id: UUID | None) -> str | None:
    return str(id) if id else None
