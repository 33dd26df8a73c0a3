"""The file of an export: made with its requester's rights, held against them again when it is fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis import telemetry
from chassis.actor import Actor
from chassis.audit import events as audit
from chassis.errors import Conflict, Denied, Gone, LimitExceeded
from chassis.policy.row_scopes import Principal
from chassis.policy.scope import Permissions, Scope
from customers.exports.commands.decision import OBJECT, scopes, search_of, seen, tell_status
from customers.exports.commands.lines import Lines, sheet
from customers.exports.domain import customer_export as domain
from customers.exports.domain.customer_export import READY, RUNNING, Column, Ticket
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import ExportRow
from customers.pool.store import customer as customers

BATCH = 500
PIECE = 1024 * 1024
_KEEPS = timedelta(days=1)

Alive = Callable[[int], bool]


class NoLongerWanted(Exception):
    """Somebody ended the export while its file was being made, or another worker has it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file, its content in a temporary file that nobody else can open."""

    content: IO[bytes]
    rows: int
    held: Sequence[UUID]
    access: Decimal


@contextmanager
def made(
    session: Session, permissions: Permissions, row: ExportRow, most: int, alive: Alive
) -> Iterator[Made]:
    """Makes the file. All of it is of one moment, and memory holds one batch of it."""
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    actor = Actor(row.actor_id, None, row.locale)
    columns = domain.columns_called(row.columns)
    reached = scopes(permissions, actor, columns)
    lines = Lines(permissions, reached[0], columns, row.mark_key)
    held: list[UUID] = []
    access = Decimal(0)
    rows = 0
    with TemporaryFile() as file:
        table = sheet(file, row)
        table.write([column.header(row.locale) for column in columns])
        for batch in customers.everything(session, reached, search_of(row.filter), BATCH):
            ids = [customer.id for customer in batch]
            held += ids
            if len(held) > most:
                raise LimitExceeded(
                    f"More than {most} customers fit by now; ask again with a narrower filter.",
                    f"目前符合条件的客户已超过 {most} 个，请缩小范围后重新申请。",
                    field="filter",
                )
            access += store.access_of(session, ids)
            for cells in lines.of_batch(session, batch):
                table.write(cells)
                rows += 1
            if not alive(len(held)):
                raise NoLongerWanted
        table.close()
        yield Made(file, rows, held, access)


def keep(session: Session, id: UUID, fence: int, file: Made, permissions: Permissions) -> bool:
    """Stores the file and opens it for download, unless this run is no longer the wanted one."""
    row = store.by_id(session, id, locked=True)
    if row is None or row.fence != fence or row.status != RUNNING:
        return False
    store.drop_file(session, [id])
    file.content.seek(0)
    number = size = 0
    while piece := file.content.read(PIECE):
        store.put_chunk(session, id, number, piece)
        number, size = number + 1, size + len(piece)
    store.put_rows(session, id, fence, file.held)
    columns = domain.columns_called(row.columns)
    store.change(
        session,
        id,
        status=READY,
        file=fence,
        rows_done=len(file.held),
        rows_total=len(file.held),
        size=size,
        standing=standing(permissions, columns),
        access=file.access,
        policy_version=permissions.version,
        made_at=store.present(session),
        finished_at=store.present(session),
        lease_until=None,
        failures=0,
    )
    _audit(session, row, None, "make", {"customers": [None, len(file.held)]}, permissions.version)
    tell_status(session, id)
    return True


def issue(
    session: Session,
    actor: Actor,
    others: Scope | None,
    id: UUID,
    most: int,
    seconds: int,
    now: int,
) -> Ticket:
    """A ticket for its requester and nobody else; an earlier one no longer works."""
    row = seen(session, actor.user_id, others, id, locked=True)
    if row.actor_id != actor.user_id:
        raise Denied(
            "Only who asked for an export may download it.", "只有申请人本人可以下载。", field="id"
        )
    refuse_ended(row)
    if row.status != READY:
        raise Conflict(
            f"There is no file yet: the export is {row.status}.",
            f"文件尚未就绪，当前状态为 {row.status}。",
            field="id",
            version=row.version,
        )
    _refuse_used_up(row, most)
    ticket = Ticket.issue(row.secret, now + seconds)
    store.change(session, row.id, nonce=ticket.nonce, session_id=actor.session_id)
    return ticket


def refuse_ended(row: ExportRow) -> None:
    """Raises `Gone` for what was revoked, cancelled, rejected, expired or failed."""
    if row.status not in domain.OPEN:
        raise Gone(
            f"This export is {row.status}; nothing can be downloaded any more.",
            f"该导出已失效（{row.status}），无法再下载。",
            field="id",
        )


def _refuse_used_up(row: ExportRow, most: int) -> None:
    if row.downloads >= most:
        raise Gone(
            f"It was downloaded {row.downloads} times, which is all that is allowed.",
            f"该导出已下载 {row.downloads} 次，达到上限。",
            field="id",
        )


def open_file(
    session: Session, id: UUID, ticket: Ticket, permissions: Permissions, now: float, most: int
) -> ExportRow | None:
    """Spends a ticket and answers the file it opens; `None` if the file is no longer what its
    requester may see, and is being made again. Raises `Denied` and `Gone`."""
    row = store.by_id(session, id, locked=True)
    assert row is not None  # the ticket was issued by it
    refuse_ended(row)
    if row.expires_at <= store.present(session):
        raise Gone("This export has expired.", "该导出已过期。", field="id")
    if ticket.nonce != row.nonce or ticket.expires < now:
        raise Gone(
            "This address was used or is too old; ask the export for a new one.",
            "该下载地址已使用或已过期，请重新获取。",
            field="ticket",
        )
    _refuse_used_up(row, most)
    actor = Actor(row.actor_id, row.session_id, row.locale)
    columns = domain.columns_called(row.columns)
    scopes(permissions, actor, columns)
    if row.status != READY or _is_stale(session, row, permissions, columns):
        if row.status == READY:
            store.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
            changes = {"status": [READY, "QUEUED"]}
            _audit(session, row, None, "remake", changes, permissions.version)
        return None
    store.change(session, id, downloads=row.downloads + 1, nonce=None)
    audit.record(
        session,
        audit.Entry(
            actor,
            "export",
            "Customer",
            f"export:{id}",
            changes={"rows": [None, row.rows_total], "columns": [None, ", ".join(row.columns)]},
            details={"rows": row.rows_total, **_openness(permissions, columns)},
            purpose=row.purpose,
            policy_version=permissions.version,
        ),
    )
    return row


def _openness(permissions: Permissions, columns: Sequence[Column]) -> dict[str, list[str]]:
    """Which sensitive columns hold values in clear, at least of some rows, and which only masked."""
    clear, masked = [], []
    for coordinate in sorted({one.protected_by for one in columns if one.protected_by}):
        shown = {grant.redaction for grant in permissions.grants(coordinate, "read")}
        if "clear" in shown:
            clear.append(coordinate)
        elif shown - {"hidden"}:
            masked.append(coordinate)
    return {"clear": clear, "masked": masked}


def refused(session: Session, row: ExportRow, version: int) -> None:
    """The audit event of a download that the policy no longer permits."""
    audit.record(
        session,
        audit.Entry(
            Actor(row.actor_id, row.session_id, row.locale),
            "export",
            "Customer",
            f"export:{row.id}",
            purpose=row.purpose,
            decision="deny",
            policy_version=version,
        ),
    )


def standing(permissions: Permissions, columns: Sequence[Column]) -> str:
    """A fingerprint of everything the policy says about this person and this file. Two policy
    versions that say the same about them leave a file as it is."""
    asked = {("Customer", "read"), ("Customer", "export")}
    asked |= {("Contact", "read") for column in columns if column.of_contact}
    asked |= {(column.protected_by, "read") for column in columns if column.protected_by}
    said = []
    for key in sorted(asked):
        grants = permissions.grants(*key)
        said.append(
            [
                *key,
                sorted(
                    ["+".join(sorted(g.rows)), g.redaction, *_place(g.principal)] for g in grants
                ),
            ]
        )
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def _place(principal: Principal) -> list[str]:
    """Where somebody stands: their own place, or that of somebody whose work they do."""
    near = (
        principal.departments,
        principal.projects,
        principal.emergencies,
        principal.only or frozenset(),
    )
    alone = str(principal.only is None)
    return [
        str(principal.user_id),
        str(principal.department),
        alone,
        *(_listed(ids) for ids in near),
    ]


def _listed(ids: frozenset[UUID]) -> str:
    return " ".join(sorted(map(str, ids)))


def _is_stale(
    session: Session, row: ExportRow, permissions: Permissions, columns: Sequence[Column]
) -> bool:
    """Whether the policy says something else about this person by now, or one of the customers has
    another owner, department or collaborator, was merged or is gone; or the file is a day old, so
    that what was corrected or erased since does not leave with it."""
    if row.made_at is None or store.present(session) - row.made_at > _KEEPS:
        return True
    if row.standing != standing(permissions, columns):
        return True
    return store.access_now(session, row) != row.access


def _audit(
    session: Session,
    row: ExportRow,
    actor: Actor | None,
    action: str,
    changes: dict[str, Any],
    version: int,
) -> None:
    audit.record(
        session,
        audit.Entry(
            actor,
            action,
            OBJECT,
            str(row.id),
            changes=changes,
            purpose=row.purpose,
            policy_version=version,
        ),
    )
