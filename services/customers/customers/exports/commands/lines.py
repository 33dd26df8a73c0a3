"""The content of an export's file: customers as cells, and cells as CSV or a workbook."""

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
    """Turn customers into cells, redacted for the requester and watermarked by the export's key."""

    def __init__(
        self, permissions: Permissions, scope: Scope, columns: Sequence[Column], key: bytes
    ) -> None:
        self._columns = columns
        self._key = key
        self._contacts: Scope | None = None
        if any(column.of_contact for column in columns):
            self._contacts = permissions.allow(scope.actor, "Contact", "read")
        guarded = {column.protected_by for column in columns if column.protected_by}
        self._redactors = {coordinate: scope.redactor(coordinate) for coordinate in guarded}
        channels = (MOBILE_COORDINATE, EMAIL_COORDINATE)
        self._channels = [scope.clear_in(coordinate) for coordinate in channels]
        self._tagged = any(column.name == "tags" for column in columns)
        self._chinese = scope.actor.locale.startswith("zh")

    def of_batch(self, session: Session, batch: Sequence[CustomerRow]) -> Iterator[list[str]]:
        """Yield a line for each contact of a customer, or one line for a customer without contacts.

        The customer's own cells are repeated in each of its lines.
        """
        ids = [row.id for row in batch]
        tags_by_customer = tags.of_customers(session, ids) if self._tagged else {}
        contacts_by_customer = self._contacts_of(session, batch)
        for row in batch:
            tag_names = "、".join(tag.name for tag in tags_by_customer.get(row.id, ()))
            customer_contacts: list[ContactRow | None] = [*contacts_by_customer.get(row.id, ())]
            for contact in customer_contacts or [None]:
                yield [self._cell(column, row, contact, tag_names) for column in self._columns]

    def _contacts_of(
        self, session: Session, batch: Sequence[CustomerRow]
    ) -> dict[UUID, list[ContactRow]]:
        if self._contacts is None:
            return {}
        separate = {
            row.id: not all(channel.sees(row.access) for channel in self._channels)
            for row in batch
            if self._contacts.sees(row.access)
        }
        return contacts.pages(session, separate, None, _MOST_CONTACTS) if separate else {}

    def _cell(
        self, column: Column, row: CustomerRow, contact: ContactRow | None, tag_names: str
    ) -> str:
        value = self._value(column, row, contact, tag_names)
        if value is None or value == "":
            return ""
        clear = True
        if column.protected_by is not None:
            protected = self._redactors[column.protected_by](row.access, value)
            clear, value = protected.visibility is Visibility.CLEAR, protected.text or ""
        if not value:
            return ""
        # A masked number has no other spelling that could carry a mark.
        kind = column.marked if clear or column.marked == "text" else None
        return escape_formula(watermark.marked(kind, value, self._key))

    def _value(
        self, column: Column, row: CustomerRow, contact: ContactRow | None, tag_names: str
    ) -> str | None:
        match column.name:
            case "id":
                return str(row.id)
            case "kind":
                if not self._chinese:
                    return row.kind.capitalize()
                return "企业" if row.kind == "ORGANIZATION" else "个人"
            case "tags":
                return tag_names
            case "createdAt":
                return row.created_at.isoformat(" ", "seconds")
            case "updatedAt":
                return row.updated_at.isoformat(" ", "seconds")
            case "englishName":
                return row.english_name
            case "unifiedSocialCreditCode":
                return row.unified_social_credit_code
            case name if column.of_contact:
                return getattr(contact, name.removeprefix("contact.")) if contact else None
            case name:
                return getattr(row, name)  # type: ignore[no-any-return]  # text columns of the row


# ── sheets ───────────────────────────────────────────────────────────────────────────────────────


def sheet(file: IO[bytes], row: ExportRow) -> _Csv | _Xlsx:
    """Return a writer of the export's format."""
    return _Csv(file) if row.format == CSV else _Xlsx(file, row)


class _Csv:
    """Write CSV as UTF-8 with a byte order mark, as spreadsheet programs read it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=False)
        self._writer = csv.writer(self._text)

    def write(self, cells: Sequence[str]) -> None:
        """Write one row."""
        self._writer.writerow(cells)

    def close(self) -> None:
        """Flush what was written; the file stays open."""
        self._text.flush()
        self._text.detach()


class _Xlsx:
    """Write a workbook row by row, with a second sheet that names the export and its requester."""

    def __init__(self, file: IO[bytes], row: ExportRow) -> None:
        self._file = file
        self._row = row
        self._book = Workbook(write_only=True)
        self._sheet = self._book.create_sheet("客户 Customers")
        self._book.properties.identifier = str(row.id)
        self._book.properties.creator = "Huichi"

    def write(self, cells: Sequence[str]) -> None:
        """Write one row."""
        self._sheet.append(cells)

    def close(self) -> None:
        """Write the second sheet and save the workbook."""
        about = self._book.create_sheet("说明 About")
        for line in (
            ("导出 Export", str(self._row.id)),
            ("申请人 Requested by", str(self._row.actor_id)),
            ("用途 Purpose", self._row.purpose),
            ("说明 Note", "本文件可追溯到申请人。 This copy can be traced to its requester."),
        ):
            about.append(line)
        self._book.save(self._file)
