"""What people do to a customer: create, correct, pin, assign, take from the pool, share."""

from __future__ import annotations

from collections.abc import Mapping
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
from customers.pool.commands.claims import load_beliefs, record_claims, save_beliefs
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
from customers.pool.store.customer import CustomerRow

MAX_COLLABORATORS = 200


@dataclass(frozen=True, slots=True)
class Creation:
    """A customer as a person enters it."""

    kind: str
    fields: Mapping[str, Any]
    owner_id: UUID | None
    allow_duplicate: bool = False
    idempotency_key: str | None = None


def create(session: Session, scope: Scope, asked: Creation, snapshot: Snapshot | None) -> UUID:
    """A new customer. Raises `Conflict` where a strong key says that it exists already."""
    request = [asked.kind, dict(asked.fields), asked.owner_id, asked.allow_duplicate]
    answer = run_idempotent(
        session,
        scope.actor.user_id,
        asked.idempotency_key,
        "createCustomer",
        lambda: {"id": str(_create(session, scope, asked, snapshot))},
        request=request,
    )
    return UUID(answer["id"])


def _create(session: Session, scope: Scope, asked: Creation, snapshot: Snapshot | None) -> UUID:
    said = checked(asked.fields)
    if asked.kind not in KINDS:
        raise BadInput(
            f"kind must be one of {', '.join(KINDS)}.",
            f"kind 只能是 {'、'.join(KINDS)}。",
            field="kind",
        )
    if said.get("name") is None:
        raise BadInput("name is missing; every customer has one.", "缺少客户名称。", field="name")
    department = active_department(snapshot, asked.owner_id, "ownerId") if asked.owner_id else None
    if not scope.sees(RowAccess(asked.owner_id, department)):
        raise Denied(
            "The policy does not let you create customers for this owner.",
            "当前权限策略不允许您为该负责人创建客户。",
            field="ownerId",
        )
    keys = keys_of(asked.kind, said)
    locks.lock_keys(session, keys, ())
    verdict = decide(asked.kind, keys, Pool.of(match_store.known_by(session, keys)))
    if isinstance(verdict, Match) and not asked.allow_duplicate:
        raise Conflict(
            "The pool has this customer already; ask with duplicateCheck who owns it.",
            "信息池中已有该客户，可用 duplicateCheck 查询负责人。",
            field=field_called(verdict.evidence[0].field).graph_name,
        )
    at = link_store.now(session)
    id = new_id()
    values = {field: value for field, value in said.items() if value is not None}
    customer_store.insert(
        session,
        [
            {
                "id": id,
                "kind": asked.kind,
                "version": 0,  # saying what is known of it makes the first version
                **customer_store.golden_columns(values),
                "owner_id": asked.owner_id,
                "department_id": department,
                "collaborators": [],
                "created_at": at,
                "updated_at": at,
            }
        ],
    )
    row = customer_store.by_ids_unscoped(session, [id])[id]
    record_claims(session, scope, LockedCustomer(row, id, scope.at(row.access)), said)
    told = [(id, suspicion) for suspicion in verdict.suspicions]
    if isinstance(verdict, Match):  # entered all the same: a steward is told of the one it is, too
        evidence = verdict.evidence
        told.append((id, Suspicion(verdict.customer_id, score(evidence), evidence)))
    match_store.suspect(session, told)
    publish_changed(session, [id])
    record_audit(session, scope.at(row.access), str(id), masked_changes({}, values))
    return id


def checked(fields: Mapping[str, Any]) -> dict[str, str | None]:
    """Values in their one spelling. Raises all that is wrong, each by the client's name for it."""
    said: dict[str, str | None] = {}
    wrong: list[BadInput] = []
    for name, raw in fields.items():
        known = field_called(name, name)
        try:
            said[known.name] = value_of(known.name, raw)
        except BadInput as problem:
            problem.field = known.graph_name
            wrong.append(problem)
    if wrong:
        first, *others = wrong
        first.also = tuple(others)
        raise first
    return said


def update(
    session: Session,
    scope: Scope,
    id: UUID,
    fields: Mapping[str, Any],
    expected_version: int | None,
    idempotency_key: str | None = None,
) -> UUID:
    """What a person knows better. `None` takes back what people said before."""

    def run() -> dict[str, Any]:
        said = checked(fields)
        if not said:
            raise BadInput("set names no field.", "set 中没有任何字段。", field="set")
        keys = {key for kind in KINDS for key in keys_of(kind, said)}
        held = lock_customer(session, scope, id, expected_version, keys)
        before = customer_store.golden_of(held.row)
        record_claims(session, scope, held, said)
        after = customer_store.golden_of(_present(session, held.id))
        _suspect_others(session, held, said)
        publish_changed(session, [held.id])
        record_audit(session, held.scope, str(held.id), masked_changes(before, after))
        return {"id": str(held.id)}

    return _once(session, scope, idempotency_key, "updateCustomer", run, id, dict(fields))


def _suspect_others(session: Session, held: LockedCustomer, said: Mapping[str, str | None]) -> None:
    keys = keys_of(held.row.kind, said)
    pool = Pool.of(match_store.known_by(session, keys))
    others = suspicions(held.row.kind, keys, pool, held.id)
    match_store.suspect(session, [(held.id, suspicion) for suspicion in others])


def pin(
    session: Session,
    scope: Scope,
    id: UUID,
    field: str,
    claim_id: UUID | None,
    until: datetime | None,
    expected_version: int | None,
) -> UUID:
    """Holds one claim on top whatever the rules say; without a claim the field's pin ends."""
    known = field_called(field)
    if until is not None and until.astimezone(UTC) <= datetime.now(UTC):
        raise BadInput("until must be in the future.", "until 必须是将来的时间。", field="until")
    held = lock_customer(session, scope, id, expected_version)
    at = link_store.now(session)
    claims = claim_store.of_customers(session, [held.id])[held.id]
    if claim_id is not None and not any(c.id == claim_id and c.field == known.name for c in claims):
        raise BadInput(
            "claimId is not a present claim about this field of this customer; "
            "provenance lists them.",
            "claimId 不是该客户该字段的现有主张，请在 provenance 中查找。",
            field="claimId",
        )
    claim_store.unpin(session, held.id, known.name, at)
    if claim_id is not None:
        claim_store.pin(session, claim_id, at, until)
    reelected(session, [held.row])
    publish_changed(session, [held.id])
    pinned = str(claim_id) if claim_id else None
    record_audit(session, held.scope, str(held.id), {f"pin.{known.name}": [None, pinned]})
    return held.id


def reelected(session: Session, rows: list[CustomerRow]) -> list[UUID]:
    """Elects again for these locked customers; returns those whose shown values changed."""
    beliefs = load_beliefs(session, rows, link_store.now(session))
    changed = [row.id for row in rows if beliefs.reelect(row.id)]
    save_beliefs(session, beliefs, changed)
    return changed


def assign(
    session: Session,
    scope: Scope,
    id: UUID,
    owner_id: UUID | None,
    expected_version: int | None,
    snapshot: Snapshot | None,
    idempotency_key: str | None = None,
) -> UUID:
    """Gives a customer to an owner, and with them to their department; nobody is the pool."""

    def run() -> dict[str, Any]:
        held = lock_customer(session, scope, id, expected_version)
        department = active_department(snapshot, owner_id, "ownerId") if owner_id else None
        _share(
            session,
            held,
            {"owner_id": owner_id, "department_id": department},
            {"owner": [_text(held.row.owner_id), _text(owner_id)]},
        )
        return {"id": str(held.id)}

    return _once(session, scope, idempotency_key, "assignOwner", run, id, str(owner_id))


def claim_from_pool(session: Session, scope: Scope, id: UUID, snapshot: Snapshot | None) -> UUID:
    """Takes a customer that nobody owns. Raises `Conflict` when somebody was faster."""
    held = lock_customer(session, scope, id)
    me = scope.actor.user_id
    if held.row.owner_id == me:
        return held.id
    if held.row.owner_id is not None:
        raise Conflict(
            "Somebody owns this customer already.",
            "该客户已有负责人。",
            field="id",
            version=held.row.version,
        )
    access = {"owner_id": me, "department_id": active_department(snapshot, me, "actor")}
    _share(session, held, access, {"owner": [None, str(me)]})
    return held.id


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
    """Lets somebody work on a customer beside its owner, or ends that."""
    held = lock_customer(session, scope, id, expected_version)
    present = set(held.row.collaborators)
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
        who = [None, str(user_id)] if joins else [str(user_id), None]
        _share(session, held, {"collaborators": sorted(after)}, {"collaborators": who})
    return held.id


def _share(
    session: Session,
    held: LockedCustomer,
    access: Mapping[str, Any],
    changes: Mapping[str, list[str | None]],
) -> None:
    customer_store.update(session, [{"id": held.id, **access}])
    publish_changed(session, [held.id])
    record_audit(session, held.scope, str(held.id), changes)


def _once(
    session: Session, scope: Scope, key: str | None, command: str, run: Any, *request: Any
) -> UUID:
    answer = run_idempotent(session, scope.actor.user_id, key, command, run, request=list(request))
    return UUID(answer["id"])


def _present(session: Session, id: UUID) -> CustomerRow:
    return customer_store.by_ids_unscoped(session, [id])[id]


def _text(id: UUID | None) -> str | None:
    return str(id) if id else None
