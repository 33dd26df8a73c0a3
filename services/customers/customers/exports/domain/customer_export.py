"""The statuses and columns of an export, and the short-lived ticket that opens its file once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chassis.errors import BadInput
from customers.pool.domain.fields import (
    CREDIT_CODE_COORDINATE,
    EMAIL_COORDINATE,
    MOBILE_COORDINATE,
    NAME_COORDINATE,
)

WAITING: Final = "AWAITING_APPROVAL"
QUEUED: Final = "QUEUED"
RUNNING: Final = "RUNNING"
READY: Final = "READY"
REJECTED: Final = "REJECTED"
CANCELLED: Final = "CANCELLED"
FAILED: Final = "FAILED"
REVOKED: Final = "REVOKED"
EXPIRED: Final = "EXPIRED"
OPEN = (WAITING, QUEUED, RUNNING, READY)
MAKING = (QUEUED, RUNNING)

CSV: Final = "CSV"
XLSX: Final = "XLSX"
MEDIA: Mapping[str, str] = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
MAX_FAILURES = 5


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the file; an import recognises its headers, so the file can be imported again.

    `marked` is the kind of watermark its values carry.
    """

    name: str
    zh: str
    en: str
    marked: str | None = None
    protected_by: str | None = None
    of_contact: bool = False

    @property
    def sensitive(self) -> bool:
        """Check whether an export with the column always needs approval."""
        return self.protected_by is not None or self.of_contact

    def header(self, locale: str) -> str:
        """Return the header in a language."""
        return self.zh if locale.startswith("zh") else self.en


COLUMNS: Mapping[str, Column] = {
    column.name: column
    for column in (
        Column("id", "客户编号", "Customer ID"),
        Column("name", "客户名称", "Customer name", "text"),
        Column("kind", "客户类型", "Customer type"),
        Column("englishName", "英文名称", "English name", "text"),
        Column(
            "unifiedSocialCreditCode",
            "统一社会信用代码",
            "Unified social credit code",
            None,
            CREDIT_CODE_COORDINATE,
        ),
        Column("phone", "电话", "Phone", "phone", MOBILE_COORDINATE),
        Column("email", "邮箱", "Email", "email", EMAIL_COORDINATE),
        Column("website", "网址", "Website", "website"),
        Column("industry", "行业", "Industry"),
        Column("region", "地区", "Region"),
        Column("address", "地址", "Address", "text"),
        Column("size", "规模", "Size"),
        Column("lifecycle", "生命周期", "Lifecycle"),
        Column("note", "备注", "Note", "text"),
        Column("tags", "标签", "Tags"),
        Column("createdAt", "创建时间", "Created at"),
        Column("updatedAt", "更新时间", "Updated at"),
        Column("contact.name", "联系人", "Contact", "text", NAME_COORDINATE, True),
        Column("contact.title", "职务", "Job title", None, None, True),
        Column("contact.mobile", "联系人手机", "Contact mobile", "phone", MOBILE_COORDINATE, True),
        Column("contact.email", "联系人邮箱", "Contact email", "email", EMAIL_COORDINATE, True),
    )
}


def columns_called(names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of these names in the order of the file, always with the customer's name.

    The name carries the watermark, which every export has. Raises `BadInput`.
    """
    if not names:
        raise BadInput(
            f"columns is empty; choose among {', '.join(COLUMNS)}.",
            f"columns 不能为空，可用：{'、'.join(COLUMNS)}。",
            field="columns",
        )
    for index, name in enumerate(names):
        if name not in COLUMNS:
            raise BadInput(
                f"There is no column {name[:60]!r}; choose among {', '.join(COLUMNS)}.",
                f"没有名为 {name[:60]!r} 的列，可用：{'、'.join(COLUMNS)}。",
                field=f"columns.{index}",
            )
    chosen = {*names, "name"}
    return tuple(column for column in COLUMNS.values() if column.name in chosen)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket of a download address: its expiry (seconds since 1970), a nonce, an HMAC proof."""

    expires: int
    nonce: str
    proof: str

    @classmethod
    def issue(cls, secret: bytes, expires: int) -> Ticket:
        """Issue a ticket with the secret of an export."""
        nonce = secrets.token_urlsafe(12)
        return cls(expires, nonce, _proof(secret, expires, nonce))

    @classmethod
    def parse(cls, secret: bytes, text: str) -> Ticket | None:
        """Return the ticket if the export with this secret issued it; it may have expired."""
        expires, _, rest = text.partition(".")
        nonce, _, proof = rest.partition(".")
        if not (expires.isascii() and expires.isdigit() and len(expires) <= 12):
            return None
        expected = _proof(secret, int(expires), nonce)
        if not hmac.compare_digest(expected.encode(), proof.encode()):
            return None
        return cls(int(expires), nonce, proof)

    def __str__(self) -> str:
        return f"{self.expires}.{self.nonce}.{self.proof}"


def _proof(secret: bytes, expires: int, nonce: str) -> str:
    return hmac.new(secret, f"export|{expires}|{nonce}".encode(), hashlib.sha256).hexdigest()
