"""Two customers become one, and one becomes two again.

Merging moves links: all that a source says hangs on its link, so claims, contacts and tags come along
and the golden record is elected anew. The absorbed id stays as a redirect. Owner, department and
collaborators of the survivor stay as they are: nobody is added silently, and whoever sees the survivor
and did not see the absorbed is named before it happens.

Undoing moves the same links back, with everything their sources, or people who used the old id, have
said since. What was said to the survivor stays with the survivor.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.errors import BadInput, Conflict, Denied, HuichiError, NotFound
from chassis.facts.outbox import record
from chassis.policy.guard import Guard
from chassis.policy.row_scopes import RowAccess
from chassis.policy.scope import Scope
from customers.core.domain import facts
from customers.core.domain.ids import new_id
from customers.pool.commands.audit_trail import record_audit, row_scope
from customers.pool.commands.claims import load_beliefs, save_beliefs
from customers.pool.commands.locked_customer import (
    refuse_stale,
)
from customers.pool.domain.absorption import Beliefs
from customers.pool.domain.golden import Claim, Election, elect
from customers.pool.domain.match import Key
from customers.pool.domain.reach import Shift, shift
from customers.pool.store import (
    customer as customer_store,
    link as link_store,
    locks,
    match as match_store,
    merge as merge_store,
)
from customers.pool.store.customer import CustomerRow
from customers.pool.store.merge import MergeRow

MAX_MERGED = 20
Viewers = Callable[[RowAccess], frozenset[UUID]]


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the survivor that shows something else, and how that was decided."""

    field: str
    before: str | None
    election: Election | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge or its undoing does, said before it is done."""

    customer: CustomerRow
    restored: tuple[UUID, ...]
    changes: tuple[Change, ...]
    relinked: int
    access: Shift
    involved: tuple[RowAccess, ...]
    """Whose values may come to the front."""
    conflicts: tuple[HuichiError, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The preview, and the merge itself once it is done."""

    preview: Preview
    merge: MergeRow | None


def viewers(guard: Guard, version: int | None = None, object: str = "Customer") -> Viewers:
    """Who may read a row: every active user the policy knows is asked for."""
    snapshot = guard.snapshot_at(version)
    scopes: list[tuple[UUID, Scope]] = []
    for user in snapshot.users:
        try:
            actor = Actor(user)
            allowed = guard.permissions(actor, snapshot.version).allow(actor, object, "read")
            scopes.append((user, allowed))
        except Denied:
            continue
    return lambda row: frozenset(user for user, scope in scopes if scope.sees(row))


def merge(
    session: Session,
    scope: Scope,
    see: Viewers,
    ids: Sequence[UUID],
    survivor_id: UUID,
    *,
    dry_run: bool = True,
    expected_versions: Sequence[int] | None = None,
) -> Merged:
    """Makes all of these one. A dry run says what would happen and writes nothing."""
    survivor, absorbed = _chosen(session, scope, ids, survivor_id, expected_versions)
    if not dry_run:
        _lock(session, [survivor.id, *(row.id for row in absorbed)])
        survivor, absorbed = _chosen(session, scope, ids, survivor_id, expected_versions)
    at = link_store.now(session)
    everybody = [survivor, *absorbed]
    beliefs = load_beliefs(session, everybody, at)
    together = [claim for row in everybody for claim in beliefs.claims[row.id]]
    links = [
        (link.id, link.customer_id)
        for link in link_store.by_customers(session, [row.id for row in absorbed])
    ]
    preview = Preview(
        customer=survivor,
        restored=(),
        changes=_changes(beliefs, survivor.id, together),
        relinked=len(links),
        access=shift(see(survivor.access), [see(row.access) for row in absorbed]),
        involved=tuple(row.access for row in everybody),
        conflicts=_conflicts(survivor, absorbed),
    )
    if dry_run:
        return Merged(preview, None)
    done = MergeRow(
        id=new_id(),
        survivor_id=survivor.id,
        actor_id=scope.actor.user_id,
        at=at,
        undone_at=None,
        absorbed=tuple(sorted(row.id for row in absorbed)),
    )
    _carry_out(session, scope, done, links, beliefs, together)
    return Merged(preview, done)


def _chosen(
    session: Session,
    scope: Scope,
    ids: Sequence[UUID],
    survivor_id: UUID,
    expected_versions: Sequence[int] | None,
) -> tuple[CustomerRow, list[CustomerRow]]:
    if not 2 <= len(set(ids)) == len(ids) <= MAX_MERGED or survivor_id not in ids:
        raise BadInput(
            f"ids must hold 2 to {MAX_MERGED} different customers, the survivor among them.",
            f"ids 须包含 2 到 {MAX_MERGED} 个不同的客户，且包含 survivorId。",
            field="ids",
        )
    if expected_versions is not None and len(expected_versions) != len(ids):
        raise BadInput(
            "expectedVersions must have one version for each of ids, in their order.",
            "expectedVersions 须与 ids 一一对应。",
            field="expectedVersions",
        )
    rows: dict[UUID, CustomerRow] = {}
    for index, (id, row) in enumerate(
        zip(ids, customer_store.by_ids(session, scope, ids), strict=True)
    ):
        if row is None:
            raise NotFound(
                f"There is no customer {id}, or it is not yours to merge.",
                f"没有客户 {id}，或您无权合并。",
                field=f"ids.{index}",
            )
        if expected_versions is not None:
            refuse_stale(row.version, expected_versions[index])
        rows[id] = row
    survivor = rows[survivor_id]
    absorbed = [rows[id] for id in ids if id != survivor_id]
    if len({row.id for row in rows.values()}) < len(ids):
        raise Conflict(
            "Some of these are one customer already.",
            "其中部分客户已是同一客户。",
            field="ids",
            version=survivor.version,
        )
    if any(row.kind != survivor.kind for row in absorbed):
        raise BadInput(
            "An organisation and a person cannot become one.",
            "企业与个人不能合并。",
            field="ids",
        )
    return survivor, absorbed


def _lock(session: Session, ids: Sequence[UUID]) -> None:
    """Keys first, so that no batch decides about these customers meanwhile; then the rows."""
    keys: set[Key] = set()
    for some in match_store.keys_of(session, ids).values():
        keys |= some
    links = [
        (link.system, link.installation, link.external_id)
        for link in link_store.by_customers(session, ids)
    ]
    locks.lock_keys(session, keys, links)
    locks.lock_customers(session, ids)


def _changes(beliefs: Beliefs, survivor: UUID, claims: Sequence[Claim]) -> tuple[Change, ...]:
    before = beliefs.golden[survivor]
    after = elect(claims, beliefs.rules, beliefs.at)
    found = []
    for field in sorted(before.keys() | after.keys()):
        election = after.get(field)
        if before.get(field) != (election.winner.value if election else None):
            found.append(Change(field, before.get(field), election))
    return tuple(found)


def _conflicts(survivor: CustomerRow, absorbed: Sequence[CustomerRow]) -> tuple[HuichiError, ...]:
    codes = {
        row.unified_social_credit_code
        for row in (survivor, *absorbed)
        if row.unified_social_credit_code
    }
    if len(codes) < 2:
        return ()
    return (
        Conflict(
            "These customers have different unified social credit codes, so they are different "
            "legal entities; merge them only if one of the codes is a mistake.",
            "这些客户的统一社会信用代码不同，属于不同法人；仅当其中一个代码有误时才应合并。",
            field="unifiedSocialCreditCode",
        ),
    )


def _carry_out(
    session: Session,
    scope: Scope,
    done: MergeRow,
    links: Sequence[tuple[UUID, UUID]],
    beliefs: Beliefs,
    together: list[Claim],
) -> None:
    survivor, absorbed = done.survivor_id, list(done.absorbed)
    merge_store.insert(session, done, links, telemetry.trace_id())
    link_store.move(session, [link for link, _ in links], survivor, done.at)
    redirected = merge_store.redirected_to(session, absorbed)
    merge_store.redirect(session, [*absorbed, *redirected], survivor)
    beliefs.claims[survivor] = together
    beliefs.reelect(survivor)
    save_beliefs(session, beliefs, [survivor])
    pairs = [(survivor, id) for id in absorbed]
    match_store.settle(session, pairs, match_store.MERGED, scope.actor.user_id)
    merge_store.repoint_candidates(session, survivor, absorbed)
    body = {
        "survivor": str(survivor),
        "absorbed": [str(id) for id in absorbed],
        "merge": str(done.id),
        "access": customer_store.access_rows(session, [survivor, *absorbed, *redirected]),
    }
    record(session, facts.CUSTOMER_MERGED.about(survivor, body))
    proof = row_scope(session, scope, survivor)
    record_audit(session, proof, str(survivor), {"absorbed": [None, [str(id) for id in absorbed]]})


def unmerge(
    session: Session, scope: Scope, see: Viewers, merge_id: UUID, *, dry_run: bool = True
) -> Merged:
    """Undoes a merge. A dry run says what would happen and writes nothing."""
    done = merge_store.by_id(session, merge_id, locked=not dry_run)
    holder = _holder(session, scope, done)
    if done is None or holder is None:
        raise NotFound(
            f"There is no merge {merge_id}, or it is not yours to undo.",
            f"没有合并记录 {merge_id}，或您无权撤销。",
            field="mergeId",
        )
    if done.undone_at is not None:
        raise Conflict("This merge was undone already.", "该合并已撤销。", field="mergeId")
    if not dry_run:
        _lock(session, [holder.id, *done.absorbed])
        holder = _holder(session, scope, done) or holder
    returning = {
        id: merge_store.returning(
            session, done.id, holder.id, id, merge_store.under(session, [id], done.id)
        )
        for id in done.absorbed
    }
    at = link_store.now(session)
    before = load_beliefs(session, [holder], at)
    leaving = {link for links in returning.values() for link in links}
    staying = [claim for claim in before.claims[holder.id] if claim.link_id not in leaving]
    rows = customer_store.by_ids_unscoped(session, done.absorbed)
    preview = Preview(
        customer=holder,
        restored=done.absorbed,
        changes=_changes(before, holder.id, staying),
        relinked=len(leaving),
        access=_regained(see, holder, list(rows.values())),
        involved=(holder.access,),
        conflicts=(),
    )
    if not dry_run:
        _take_apart(session, scope, done, holder, returning, at)
    return Merged(preview, done)


def _holder(session: Session, scope: Scope, done: MergeRow | None) -> CustomerRow | None:
    """The customer that has the survivor's data now; it may have been merged since."""
    if done is None:
        return None
    [row] = customer_store.by_ids(session, scope, [done.survivor_id])
    return row


def _regained(see: Viewers, holder: CustomerRow, restored: Sequence[CustomerRow]) -> Shift:
    """The restored go back to those who saw them before."""
    now = see(holder.access)
    then = frozenset().union(*(see(row.access) for row in restored)) if restored else frozenset()
    return Shift(tuple(sorted(then - now)), tuple(sorted(now - then)))


def _take_apart(
    session: Session,
    scope: Scope,
    done: MergeRow,
    holder: CustomerRow,
    returning: Mapping[UUID, Sequence[UUID]],
    at: datetime,
) -> None:
    touched = [holder.id, *done.absorbed]
    for id, links in returning.items():
        link_store.move(session, links, id, at)
        merge_store.forget(session, links, done.id)
        below = merge_store.under(session, [id], done.id) - {id}
        merge_store.redirect(session, below, id)
        touched += sorted(below)
    merge_store.redirect(session, done.absorbed, None)
    merge_store.undo(session, done.id, scope.actor.user_id, at)
    present = customer_store.by_ids_unscoped(session, [holder.id, *done.absorbed])
    beliefs = load_beliefs(session, present.values(), at)
    for id in present:
        beliefs.reelect(id)
    save_beliefs(session, beliefs, present)
    pairs = [(holder.id, id) for id in done.absorbed]
    match_store.settle(session, pairs, match_store.DISMISSED, scope.actor.user_id, "unmerged")
    body = {
        "survivor": str(holder.id),
        "restored": [str(id) for id in done.absorbed],
        "merge": str(done.id),
        "access": customer_store.access_rows(session, touched),
    }
    record(session, facts.CUSTOMER_UNMERGED.about(holder.id, body))
    proof = row_scope(session, scope, holder.id)
    record_audit(
        session, proof, str(holder.id), {"restored": [None, [str(id) for id in done.absorbed]]}
    )
