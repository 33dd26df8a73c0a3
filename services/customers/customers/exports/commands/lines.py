"""What stands in the file of an export: customers as cells, and cells as CSV or a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import IO
from uuid import UUID

from openpyxl import Workbook
from sqlalchemy.orm import Session

from chassis.policy.masks import Visibility
from chassis.policy.scope import Permissions, Scope
from chassis.spreadsheet.cells import escape_formula
from customers.exports.domain import watermark
from customers.exports.domain.customer_export import CSV, Column
from customers.exports.store.customer_export import ExportRow
from customers.pool.domain.fields import EMAIL_COORDINATE, MOBILE_COORDINATE
from customers.pool.store import contact as contacts, tag as tags
from customers.pool.store.contact import ContactRow
from customers.pool.store.customer import CustomerRow

_MOST_CONTACTS = 1000


class Lines:
    """Turns customers into cells: redacted for their reader, and in the spelling of the export."""

    def __init__(
        self, permissions: Permissions, scope: Scope, columns: Sequence[Column], key: bytes
    ) -> None:
        self._columns = columns
        self._key = key
        self._contacts: Scope | None = None
        if any(column.of_contact for column in columns):
            self._contacts = permissions.allow(scope.actor, "Contact", "read")
        guarded = {column.protected_by for column in columns if column.protected_by}
        self._shown = {coordinate: scope.redactor(coordinate) for coordinate in guarded}
        self._channels = [scope.clear_in(one) for one in (MOBILE_COORDINATE, EMAIL_COORDINATE)]
        self._tagged = any(column.name == "tags" for column in columns)
        self._chinese = scope.actor.locale.startswith("zh")

    def of_batch(self, session: Session, batch: Sequence[CustomerRow]) -> Iterator[list[str]]:
        """A line a contact, or one without; the customer's own cells are repeated."""
        ids = [row.id for row in batch]
        worn = tags.of_customers(session, ids) if self._tagged else {}
        people: dict[UUID, list[ContactRow]] = {}
        if self._contacts is not None:
            allowed = {
                row.id: not all(clear.sees(row.access) for clear in self._channels)
                for row in batch
                if self._contacts.sees(row.access)
            }
            people = contacts.pages(session, allowed, None, _MOST_CONTACTS) if allowed else {}
        for row in batch:
            words = "、".join(tag.name for tag in worn.get(row.id, ()))
            here: list[ContactRow | None] = [*people.get(row.id, ())]
            for person in here or [None]:
                yield [self._cell(column, row, person, words) for column in self._columns]

    def _cell(self, column: Column, row: CustomerRow, person: ContactRow | None, words: str) -> str:
        value = self._value(column, row, person, words)
        if value is None or value == "":
            return ""
        clear = True
        if column.protected_by is not None:
            found = self._shown[column.protected_by](row.access, value)
            clear, value = found.visibility is Visibility.CLEAR, found.text or ""
        if not value:
            return ""
        # Half a number has no other spelling.
        kind = column.marked if clear or column.marked == "text" else None
        return escape_formula(watermark.marked(kind, value, self._key))

    def _value(
        self, column: Column, row: CustomerRow, person: ContactRow | None, words: str
    ) -> str | None:
        match column.name:
            case "id":
                return str(row.id)
            case "kind":
                if not self._chinese:
                    return row.kind.capitalize()
                return "企业" if row.kind == "ORGANIZATION" else "个人"
            case "tags":
                return words
            case "createdAt":
                return row.created_at.isoformat(" ", "seconds")
            case "updatedAt":
                return row.updated_at.isoformat(" ", "seconds")
            case "englishName":
                return row.english_name
            case "unifiedSocialCreditCode":
                return row.unified_social_credit_code
            case name if column.of_contact:
                return getattr(person, name.removeprefix("contact.")) if person else None
            case name:
                return getattr(row, name)  # type: ignore[no-any-return]  # text columns of the row


# ── sheets ───────────────────────────────────────────────────────────────────────────────────────


def sheet(file: IO[bytes], row: ExportRow) -> _Csv | _Xlsx:
    return _Csv(file) if row.format == CSV else _Xlsx(file, row)


class _Csv:
    """UTF-8 with its mark, as spreadsheet programs read it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
        self._writer = csv.writer(self._text)

    def write(self, cells: Sequence[str]) -> None:
        self._writer.writerow(cells)

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


class _Xlsx:
    """A workbook that is written row by row, and says on a second sheet whose copy it is."""

    def __init__(self, file: IO[bytes], row: ExportRow) -> None:
        self._file = file
        self._row = row
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("客户 Customers")
        self._book.properties.identifier = str(row.id)
        self._book.properties.creator = "Huichi"

    def write(self, cells: Sequence[str]) -> None:
        self._sheet.append(cells)

    def close(self) -> None:
        about = self._book.create_sheet("说明 About")
        for line in (
            ("导出 Export", str(self._row.id)),
            ("申请人 Requested by", str(self._row.actor_id)),
            ("用途 Purpose", self._row.purpose),
            ("说明 Note", "本文件可追溯到申请人。 This copy can be traced to who asked for it."),
        ):
            about.append(line)
        self._book.save(self._file)
