"""Merge customers into one, and undo a merge.

Merging moves links: all that a source claims belongs to its link, so claims, contacts and tags come
along and the golden record is elected again. The absorbed id stays as a redirect. Owner, department
and collaborators of the survivor stay as they are: no user is added silently, and users who see the
survivor but did not see an absorbed customer are named in the preview.

Undoing moves the same links back, with everything their sources have reported since, and with
manual entries that were addressed to the absorbed id. Entries addressed to the survivor stay with
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from customers.pool.domain.belief import Belief, Terms, reelect
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
    """A field of the survivor that shows another value afterwards, with the election behind it."""

    field: str
    before: str | None
    election: Election | None


@dataclass(frozen=True, slots=True)
class Preview:
    """The effects of a merge or of its undoing."""

    customer: CustomerRow
    restored: tuple[UUID, ...]
    changes: tuple[Change, ...]
    relinked: int
    access: Shift
    involved: tuple[RowAccess, ...]
    """Access data of all customers whose values may be shown afterwards."""
    conflicts: tuple[HuichiError, ...]


@dataclass(frozen=True, slots=True)
class Merged:
    """The preview, and the merge itself once it is written."""

    preview: Preview
    merge: MergeRow | None


def viewers(guard: Guard, version: int | None = None, object: str = "Customer") -> Viewers:
    """Return a function that lists the users who may read a row, under one policy version."""
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
    """Merge customers into the survivor; a dry run returns the effects and writes nothing.

    Raises `NotFound`, `BadInput`, and `Conflict` where a version is not the expected one.
    """
    survivor, absorbed = _load_rows(session, scope, ids, survivor_id, expected_versions)
    if not dry_run:
        _lock(session, [survivor.id, *(row.id for row in absorbed)])
        survivor, absorbed = _load_rows(session, scope, ids, survivor_id, expected_versions)
    at = link_store.now(session)
    involved = [survivor, *absorbed]
    beliefs = load_beliefs(session, involved, at)
    before = beliefs[survivor.id]
    united = replace(
        before, claims=tuple(claim for row in involved for claim in beliefs[row.id].claims)
    )
    after = reelect(united, beliefs.terms)
    links = [
        (link.id, link.customer_id)
        for link in link_store.by_customers(session, [row.id for row in absorbed])
    ]
    preview = Preview(
        customer=survivor,
        restored=(),
        changes=_changes(before, united.claims, beliefs.terms),
        relinked=len(links),
        access=shift(see(survivor.access), [see(row.access) for row in absorbed]),
        involved=tuple(row.access for row in involved),
        conflicts=_conflicts(survivor, absorbed),
    )
    if dry_run:
        return Merged(preview, None)
    merge_row = MergeRow(
        id=new_id(),
        survivor_id=survivor.id,
        actor_id=scope.actor.user_id,
        at=at,
        undone_at=None,
        absorbed=tuple(sorted(row.id for row in absorbed)),
    )
    _write_merge(session, scope, merge_row, links, after)
    return Merged(preview, merge_row)


def _load_rows(
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
                f"Customer {id} does not exist, or you may not merge it.",
                f"客户 {id} 不存在，或您无权合并。",
                field=f"ids.{index}",
            )
        if expected_versions is not None:
            refuse_stale(row.version, expected_versions[index])
        rows[id] = row
    survivor = rows[survivor_id]
    absorbed = [rows[id] for id in ids if id != survivor_id]
    if len({row.id for row in rows.values()}) < len(ids):
        raise Conflict(
            "Some of these ids belong to the same customer already; pass each customer once.",
            "其中部分编号已属于同一客户，请勿重复提交。",
            field="ids",
            version=survivor.version,
        )
    if any(row.kind != survivor.kind for row in absorbed):
        raise BadInput(
            "An organisation and a person cannot be merged; pass customers of one kind.",
            "企业与个人不能合并，请选择同一类型的客户。",
            field="ids",
        )
    return survivor, absorbed


def _lock(session: Session, ids: Sequence[UUID]) -> None:
    """Lock keys first, so that no batch decides about these customers meanwhile; then the rows."""
    keys: set[Key] = set()
    for customer_keys in match_store.keys_of(session, ids).values():
        keys |= customer_keys
    links = [
        (link.system, link.installation, link.external_id)
        for link in link_store.by_customers(session, ids)
    ]
    locks.lock_keys(session, keys, links)
    locks.lock_customers(session, ids)


def _changes(survivor: Belief, claims: Iterable[Claim], terms: Terms) -> tuple[Change, ...]:
    """Compare the survivor's golden record with the election of these claims."""
    before = survivor.golden
    after = elect(claims, terms.rules, terms.at)
    changes = []
    for field in sorted(before.keys() | after.keys()):
        election = after.get(field)
        if before.get(field) != (election.winner.value if election else None):
            changes.append(Change(field, before.get(field), election))
    return tuple(changes)


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


def _write_merge(
    session: Session,
    scope: Scope,
    merge_row: MergeRow,
    links: Sequence[tuple[UUID, UUID]],
    belief: Belief,
) -> None:
    survivor, absorbed = merge_row.survivor_id, list(merge_row.absorbed)
    merge_store.insert(session, merge_row, links, telemetry.trace_id())
    link_store.move(session, [link for link, _ in links], survivor, merge_row.at)
    redirected = merge_store.redirected_to(session, absorbed)
    merge_store.redirect(session, [*absorbed, *redirected], survivor)
    save_beliefs(session, [belief], merge_row.at)
    pairs = [(survivor, id) for id in absorbed]
    match_store.record_decision(session, pairs, match_store.MERGED, scope.actor.user_id)
    merge_store.repoint_candidates(session, survivor, absorbed)
    body = {
        "survivor": str(survivor),
        "absorbed": [str(id) for id in absorbed],
        "merge": str(merge_row.id),
        "access": customer_store.access_rows(session, [survivor, *absorbed, *redirected]),
    }
    record(session, facts.CUSTOMER_MERGED.about(survivor, body))
    proof = row_scope(session, scope, survivor)
    record_audit(session, proof, str(survivor), {"absorbed": [None, [str(id) for id in absorbed]]})


def unmerge(
    session: Session, scope: Scope, see: Viewers, merge_id: UUID, *, dry_run: bool = True
) -> Merged:
    """Undo a merge; a dry run returns the effects and writes nothing.

    Raises `NotFound`, and `Conflict` where it was undone already.
    """
    merge_row = merge_store.by_id(session, merge_id, locked=not dry_run)
    holder = _holder(session, scope, merge_row)
    if merge_row is None or holder is None:
        raise NotFound(
            f"Merge {merge_id} does not exist, or you may not undo it.",
            f"合并记录 {merge_id} 不存在，或您无权撤销。",
            field="mergeId",
        )
    if merge_row.undone_at is not None:
        raise Conflict("This merge was undone already.", "该合并已撤销。", field="mergeId")
    if not dry_run:
        _lock(session, [holder.id, *merge_row.absorbed])
        holder = _holder(session, scope, merge_row) or holder
    returning = {
        id: merge_store.links_to_return(
            session,
            merge_row.id,
            holder.id,
            id,
            merge_store.absorbed_below(session, [id], merge_row.id),
        )
        for id in merge_row.absorbed
    }
    at = link_store.now(session)
    beliefs = load_beliefs(session, [holder], at)
    before = beliefs[holder.id]
    leaving = {link for links in returning.values() for link in links}
    staying = [claim for claim in before.claims if claim.link_id not in leaving]
    rows = customer_store.by_ids_unscoped(session, merge_row.absorbed)
    preview = Preview(
        customer=holder,
        restored=merge_row.absorbed,
        changes=_changes(before, staying, beliefs.terms),
        relinked=len(leaving),
        access=_regained(see, holder, list(rows.values())),
        involved=(holder.access,),
        conflicts=(),
    )
    if not dry_run:
        _write_unmerge(session, scope, merge_row, holder, returning, at)
    return Merged(preview, merge_row)


def _holder(session: Session, scope: Scope, merge_row: MergeRow | None) -> CustomerRow | None:
    """Load the customer that holds the survivor's data now, as it may have been merged since."""
    if merge_row is None:
        return None
    [row] = customer_store.by_ids(session, scope, [merge_row.survivor_id])
    return row


def _regained(see: Viewers, holder: CustomerRow, restored: Sequence[CustomerRow]) -> Shift:
    """Compare who sees the holder with who sees the restored customers."""
    present = see(holder.access)
    restored_viewers: frozenset[UUID] = frozenset()
    for row in restored:
        restored_viewers |= see(row.access)
    return Shift(
        gained=tuple(sorted(restored_viewers - present)),
        lost=tuple(sorted(present - restored_viewers)),
    )


def _write_unmerge(
    session: Session,
    scope: Scope,
    merge_row: MergeRow,
    holder: CustomerRow,
    returning: Mapping[UUID, Sequence[UUID]],
    at: datetime,
) -> None:
    touched = [holder.id, *merge_row.absorbed]
    for id, links in returning.items():
        link_store.move(session, links, id, at)
        merge_store.remove_moved_links(session, links, merge_row.id)
        below = merge_store.absorbed_below(session, [id], merge_row.id) - {id}
        merge_store.redirect(session, below, id)
        touched += sorted(below)
    merge_store.redirect(session, merge_row.absorbed, None)
    merge_store.mark_undone(session, merge_row.id, scope.actor.user_id, at)
    present = customer_store.by_ids_unscoped(session, [holder.id, *merge_row.absorbed])
    beliefs = load_beliefs(session, present.values(), at)
    elected = [reelect(belief, beliefs.terms) for belief in beliefs.by_customer.values()]
    save_beliefs(session, elected, at)
    pairs = [(holder.id, id) for id in merge_row.absorbed]
    match_store.record_decision(
        session, pairs, match_store.DISMISSED, scope.actor.user_id, "unmerged"
    )
    body = {
        "survivor": str(holder.id),
        "restored": [str(id) for id in merge_row.absorbed],
        "merge": str(merge_row.id),
        "access": customer_store.access_rows(session, touched),
    }
    record(session, facts.CUSTOMER_UNMERGED.about(holder.id, body))
    proof = row_scope(session, scope, holder.id)
    record_audit(
        session, proof, str(holder.id), {"restored": [None, [str(id) for id in merge_row.absorbed]]}
    )
