"""The file of an export: made under its requester's rights, which are checked again on download."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from tempfile import TemporaryFile
from typing import IO
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
from customers.exports.commands.events import publish_status, record_audit
from customers.exports.commands.lines import Lines, sheet
from customers.exports.commands.request import scopes
from customers.exports.commands.stored_filter import search_of
from customers.exports.commands.visible_export import load_visible
from customers.exports.domain import customer_export as domain
from customers.exports.domain.customer_export import READY, RUNNING, Column, Ticket
from customers.exports.store import customer_export as store, file as file_store, lease
from customers.exports.store.customer_export import ExportRow
from customers.pool.store import customer_search as customers

BATCH = 500
PIECE = 1024 * 1024
_KEEPS = timedelta(days=1)

Alive = Callable[[int], bool]


class RunSuperseded(Exception):
    """The export was ended while its file was being made, or another worker has taken it over."""


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A finished file in an unnamed temporary file, with the customers it holds.

    `access` is the fingerprint of who owned and shared them.
    """

    content: IO[bytes]
    rows: int
    customer_ids: Sequence[UUID]
    access: Decimal


@contextmanager
def write_file(
    session: Session, permissions: Permissions, row: ExportRow, limit: int, alive: Alive
) -> Iterator[ExportFile]:
    """Write the file of an export under a user's permissions, all of it of one moment.

    Memory holds one batch. `alive` reports progress and returns whether the run is still current.
    Raises `LimitExceeded` above `limit` customers, and `RunSuperseded`.
    """
    session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
    actor = Actor(row.actor_id, None, row.locale)
    columns = domain.columns_called(row.columns)
    customer_scopes = scopes(permissions, actor, columns)
    lines = Lines(permissions, customer_scopes[0], columns, row.mark_key)
    customer_ids: list[UUID] = []
    access = Decimal(0)
    rows = 0
    with TemporaryFile() as file:
        table = sheet(file, row)
        table.write([column.header(row.locale) for column in columns])
        search = search_of(row.filter)
        for batch in customers.stream(session, customer_scopes, search, BATCH):
            ids = [customer.id for customer in batch]
            customer_ids += ids
            if len(customer_ids) > limit:
                raise LimitExceeded(
                    f"More than {limit} customers fit the filter by now; request another export "
                    "with a narrower filter.",
                    f"目前符合条件的客户已超过 {limit} 个，请缩小范围后重新申请。",
                    field="filter",
                )
            access += file_store.access_of(session, ids)
            for cells in lines.of_batch(session, batch):
                table.write(cells)
                rows += 1
            if not alive(len(customer_ids)):
                raise RunSuperseded
        table.close()
        yield ExportFile(file, rows, customer_ids, access)


def store_file(
    session: Session, id: UUID, fence: int, file: ExportFile, permissions: Permissions
) -> bool:
    """Store a file and make it READY; return `False` where this run is no longer current."""
    row = store.by_id(session, id, locked=True)
    if row is None or row.fence != fence or row.status != RUNNING:
        return False
    file_store.drop_file(session, [id])
    file.content.seek(0)
    number = size = 0
    while piece := file.content.read(PIECE):
        file_store.put_chunk(session, id, number, piece)
        number, size = number + 1, size + len(piece)
    file_store.put_rows(session, id, fence, file.customer_ids)
    columns = domain.columns_called(row.columns)
    store.change(
        session,
        id,
        status=READY,
        file=fence,
        rows_done=len(file.customer_ids),
        rows_total=len(file.customer_ids),
        size=size,
        standing=policy_fingerprint(permissions, columns),
        access=file.access,
        policy_version=permissions.version,
        made_at=store.present(session),
        finished_at=store.present(session),
        lease_until=None,
        failures=0,
    )
    record_audit(
        session,
        None,
        "make",
        row.id,
        {"customers": [None, len(file.customer_ids)]},
        purpose=row.purpose,
        policy_version=permissions.version,
    )
    publish_status(session, id)
    return True


def issue(
    session: Session,
    actor: Actor,
    others: Scope | None,
    id: UUID,
    limit: int,
    seconds: int,
    now: int,
) -> Ticket:
    """Issue a download ticket to the requester; an earlier ticket no longer works.

    Raises `Denied` for other users, `Gone` for an ended export, and `Conflict` without a file.
    """
    row = load_visible(session, actor.user_id, others, id, locked=True)
    if row.actor_id != actor.user_id:
        raise Denied(
            "Only the requester of an export may download it.",
            "只有申请人本人可以下载。",
            field="id",
        )
    refuse_ended(row)
    if row.status != READY:
        raise Conflict(
            f"There is no file yet: the export is {row.status}.",
            f"文件尚未就绪，当前状态为 {row.status}。",
            field="id",
            version=row.version,
        )
    _refuse_used_up(row, limit)
    ticket = Ticket.issue(row.secret, now + seconds)
    store.change(session, row.id, nonce=ticket.nonce, session_id=actor.session_id)
    return ticket


def refuse_ended(row: ExportRow) -> None:
    """Raise `Gone` for an export that was revoked, cancelled, rejected, expired or failed."""
    if row.status not in domain.OPEN:
        raise Gone(
            f"The export is {row.status}; its file cannot be downloaded any more.",
            f"该导出已失效（{row.status}），无法再下载。",
            field="id",
        )


def _refuse_used_up(row: ExportRow, limit: int) -> None:
    if row.downloads >= limit:
        raise Gone(
            f"The export was downloaded {row.downloads} times, which is the limit.",
            f"该导出已下载 {row.downloads} 次，达到上限。",
            field="id",
        )


def open_file(
    session: Session, id: UUID, ticket: Ticket, permissions: Permissions, now: float, limit: int
) -> ExportRow | None:
    """Spend a ticket and return the export whose file it opens.

    Returns `None` where the requester may no longer see what the file holds, so it is made again.
    Raises `Denied` and `Gone`.
    """
    row = store.by_id(session, id, locked=True)
    assert row is not None  # the ticket was issued by it
    refuse_ended(row)
    if row.expires_at <= store.present(session):
        raise Gone("The export has expired.", "该导出已过期。", field="id")
    if ticket.nonce != row.nonce or ticket.expires < now:
        raise Gone(
            "This address was used already or has expired; request a new one with "
            "downloadCustomerExport.",
            "该下载地址已使用或已过期，请通过 downloadCustomerExport 重新获取。",
            field="ticket",
        )
    _refuse_used_up(row, limit)
    actor = Actor(row.actor_id, row.session_id, row.locale)
    columns = domain.columns_called(row.columns)
    scopes(permissions, actor, columns)
    if row.status != READY or _is_stale(session, row, permissions, columns):
        if row.status == READY:
            lease.queue(session, id, telemetry.traceparent(), telemetry.trace_id())
            record_audit(
                session,
                None,
                "remake",
                row.id,
                {"status": [READY, "QUEUED"]},
                purpose=row.purpose,
                policy_version=permissions.version,
            )
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
    """List the sensitive columns that hold values in clear on any row, and those only masked."""
    clear, masked = [], []
    for coordinate in sorted({column.protected_by for column in columns if column.protected_by}):
        redactions = {grant.redaction for grant in permissions.grants(coordinate, "read")}
        if "clear" in redactions:
            clear.append(coordinate)
        elif redactions - {"hidden"}:
            masked.append(coordinate)
    return {"clear": clear, "masked": masked}


def record_denied_download(session: Session, row: ExportRow, version: int) -> None:
    """Record the audit event of a download that the policy no longer permits."""
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


def policy_fingerprint(permissions: Permissions, columns: Sequence[Column]) -> str:
    """Return a fingerprint of everything the policy grants a user for a file with these columns.

    A new policy version that grants the same leaves a file as it is.
    """
    rights = {("Customer", "read"), ("Customer", "export")}
    rights |= {("Contact", "read") for column in columns if column.of_contact}
    rights |= {(column.protected_by, "read") for column in columns if column.protected_by}
    content = [
        [
            *right,
            sorted(
                ["+".join(sorted(grant.rows)), grant.redaction, *_stand_parts(grant.principal)]
                for grant in permissions.grants(*right)
            ),
        ]
        for right in sorted(rights)
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def _stand_parts(stand: Principal) -> list[str]:
    """List what row scopes know of a user: their own place, or that of a user they deputise for."""
    id_sets = (stand.departments, stand.projects, stand.emergencies, stand.only or frozenset())
    unrestricted = str(stand.only is None)
    places = (_joined(ids) for ids in id_sets)
    return [str(stand.user_id), str(stand.department), unrestricted, *places]


def _joined(ids: frozenset[UUID]) -> str:
    return " ".join(sorted(map(str, ids)))


def _is_stale(
    session: Session, row: ExportRow, permissions: Permissions, columns: Sequence[Column]
) -> bool:
    """Check whether a file no longer holds what its requester may see.

    The policy may grant the requester something else by now; a customer may have another owner,
    department or collaborator, or be merged or gone; or the file is a day old, so that data which
    was corrected or erased since is not downloaded with it.
    """
    if row.made_at is None or store.present(session) - row.made_at > _KEEPS:
        return True
    if row.standing != policy_fingerprint(permissions, columns):
        return True
    return file_store.access_now(session, row) != row.access
