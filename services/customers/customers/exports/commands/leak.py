"""A file was found outside: whose copy is it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput
from chassis.policy.scope import Scope
from chassis.spreadsheet import reading as spreadsheet
from chassis.spreadsheet.limits import MEGABYTE, Limits
from customers.exports.domain import leak
from customers.exports.domain.leak import Suspect
from customers.exports.domain.watermark import Mark, plain
from customers.exports.store import customer_export as store
from customers.exports.store.customer_export import Holding
from customers.pool.domain import name as names

OBJECT = "CustomerExport"
LIMITS = Limits(size=4 * MEGABYTE, rows=100_000, cells=1_000_000)
_MOST_NAMES = 5_000
_MOST_HOLDERS = 10


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to read in a found file."""

    cells: int
    marks: tuple[Mark, ...]
    name_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Which exports a found file comes from, and which ones merely held the same customers."""

    cells: int
    marks: int
    compared: int
    suspects: tuple[Suspect, ...]
    customers: int
    holders: tuple[Holding, ...]

    @property
    def named(self) -> tuple[Suspect, ...]:
        return tuple(one for one in self.suspects if one.named)


def read(content: bytes) -> Found:
    """Reads a file; needs no database. Raises `BadInput` and `LimitExceeded`."""
    cells = list(spreadsheet.texts(content, limits=LIMITS))
    if not cells:
        raise BadInput("The file is empty.", "文件为空。", field="contentBase64")
    keys = {names.search_key(plain(cell)) for cell in cells if len(cell) <= 300}
    return Found(len(cells), tuple(leak.marks_of(cells)), tuple(sorted(keys - {""})[:_MOST_NAMES]))


def conclude(
    session: Session, scope: Scope, found: Found, compared: int, suspects: Sequence[Suspect]
) -> Finding:
    """Adds who held the same customers, which is no proof; and the ledger hears what was asked."""
    customers, holders = store.holding(session, scope, found.name_keys, _MOST_HOLDERS)
    finding = Finding(
        found.cells, len(found.marks), compared, tuple(suspects), customers, tuple(holders)
    )
    named = ", ".join(str(one.export) for one in finding.named)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            scope.action,
            OBJECT,
            named or "none",
            changes={"cells": [None, found.cells], "named": [None, named or None]},
            policy_version=scope.version,
        ),
    )
    return finding
