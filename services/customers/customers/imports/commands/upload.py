"""Create an import and receive its file."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy.orm import Session

from chassis.errors import BadInput, Conflict, Denied
from chassis.idempotency import run_idempotent
from chassis.policy.row_scopes import RowAccess
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Scope
from chassis.spreadsheet import reading as spreadsheet
from chassis.spreadsheet.cells import LostDigits
from customers.core.domain.ids import new_id
from customers.imports import store
from customers.imports.domain import sheet_mapping
from customers.imports.domain.import_job import AWAITING_FILE, CHUNK, READY
from customers.imports.domain.sheet_mapping import Columns
from customers.imports.store import ImportRow
from customers.pool.commands.audit_trail import record_audit
from customers.pool.commands.locked_customer import active_department
from customers.pool.domain.fields import KINDS, text as text_rule
from customers.pool.domain.record import MANUAL

SYSTEM = "spreadsheet"
FileRow = tuple[int, dict[str, str], list[str]]
"""Row number, cells by header, and headers whose number has lost digits."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """The name of a file and how it is to be read; what is left out is detected."""

    file_name: str
    system: str = SYSTEM
    kind: str | None = None
    mapping: Mapping[str, str] | None = None
    key_columns: Sequence[str] = ()
    owner_id: UUID | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read: its headers, their mapping, and its rows in chunks of JSON."""

    headers: tuple[str, ...]
    columns: Columns
    chunks: tuple[bytes, ...]
    rows: int


def create(
    session: Session, scope: Scope, import_request: ImportRequest, snapshot: Snapshot | None
) -> UUID:
    """Create an import that waits for its file and return its id; idempotent by the key.

    Raises `BadInput`, and `Denied` where the policy does not permit the owner of new customers.
    """
    request = [
        import_request.file_name,
        import_request.system,
        import_request.kind,
        dict(import_request.mapping or {}),
        import_request.owner_id,
    ]

    def run() -> dict[str, Any]:
        return {"id": str(_create(session, scope, import_request, snapshot))}

    key = import_request.idempotency_key
    result = run_idempotent(session, scope.actor.user_id, key, "createImport", run, request=request)
    return UUID(result["id"])


def _create(
    session: Session, scope: Scope, import_request: ImportRequest, snapshot: Snapshot | None
) -> UUID:
    name = text_rule("fileName", 200)(import_request.file_name)
    system = text_rule("system", 100)(import_request.system)
    if not name or not system or system == MANUAL:
        raise BadInput(
            f"fileName and system must not be empty, and system must not be {MANUAL!r}.",
            f"fileName 与 system 不能为空，且 system 不能为 {MANUAL!r}。",
            field="system" if name else "fileName",
        )
    if import_request.kind is not None and import_request.kind not in KINDS:
        raise BadInput(
            f"kind must be one of {', '.join(KINDS)}.",
            f"kind 只能是 {'、'.join(KINDS)}。",
            field="kind",
        )
    for target in (import_request.mapping or {}).values():
        sheet_mapping.target_called(target)
    department = (
        active_department(snapshot, import_request.owner_id, "ownerId")
        if import_request.owner_id
        else None
    )
    if not scope.sees(RowAccess(import_request.owner_id, department)):
        raise Denied(
            "The policy does not let you import customers for this owner.",
            "当前权限策略不允许您为该负责人导入客户。",
            field="ownerId",
        )
    id = new_id()
    columns = {
        "id": id,
        "file_name": name,
        "system": system,
        "kind": import_request.kind,
        "given_mapping": dict(import_request.mapping or {}),
        "key_columns": list(import_request.key_columns),
        "status": AWAITING_FILE,
        "actor_id": scope.actor.user_id,
        "locale": scope.actor.locale,
        "owner_id": import_request.owner_id,
        **dict.fromkeys(("rows_done", "next_chunk", "fence", "failures"), 0),
        **dict.fromkeys(store.COUNTS, 0),
        "version": 1,
        "created_at": "now",
    }
    store.insert(session, columns, secrets.token_bytes(32))
    record_audit(session, scope, f"import:{id}", {"file": [None, name]})
    return id


def read_table(content: bytes, row: ImportRow) -> Table:
    """Read a file and detect its columns, without the database.

    Raises `BadInput` and `LimitExceeded`.
    """
    sheet = spreadsheet.read(content, row.file_name, is_header=sheet_mapping.is_header)
    columns = sheet_mapping.detect(
        sheet.headers, row.given_mapping, row.kind, row.key_columns or ()
    )
    chunks: list[bytes] = []
    chunk_rows: list[FileRow] = []
    rows = 0
    for number, cells in sheet:
        lost = [header for header, text in cells.items() if isinstance(text, LostDigits)]
        chunk_rows.append((number, {header: str(text) for header, text in cells.items()}, lost))
        rows += 1
        if len(chunk_rows) == CHUNK:
            chunks.append(orjson.dumps(chunk_rows))
            chunk_rows = []
    if chunk_rows:
        chunks.append(orjson.dumps(chunk_rows))
    if not rows:
        raise BadInput(
            "The file has a header but no rows below it.",
            "文件只有表头，没有数据行。",
            field="file",
        )
    return Table(sheet.headers, columns, tuple(chunks), rows)


def receive(session: Session, id: UUID, table: Table) -> None:
    """Store the rows of a file and make the import READY; a file sent before is replaced.

    Raises `Conflict` where the import was started already.
    """
    row = store.by_id(session, id, locked=True)
    if row is None or row.status not in (AWAITING_FILE, READY):
        raise Conflict(
            "This import was started already; create another one.",
            "该导入已开始，请新建导入。",
            field="file",
        )
    store.put_rows(
        session,
        id,
        table.chunks,
        {
            "headers": list(table.headers),
            "mapping": {
                "targets": {
                    header: list(targets) for header, targets in table.columns.targets.items()
                },
                "kind": table.columns.kind,
                "key_columns": list(table.columns.key_columns),
            },
            "rows_total": table.rows,
            "status": READY,
        },
    )
