"""Trace a leaked file to the exports it was copied from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from chassis.audit import events as audit
from chassis.errors import BadInput
from chassis.policy.scope import Scope
from chassis.spreadsheet import reading as spreadsheet
from chassis.spreadsheet.limits import MEGABYTE, Limits
from customers.exports.commands.events import OBJECT
from customers.exports.domain import leak
from customers.exports.domain.leak import Suspect
from customers.exports.domain.watermark import Mark, plain
from customers.exports.store import leak as store
from customers.pool.domain import name as names

LIMITS = Limits(size=4 * MEGABYTE, rows=100_000, cells=1_000_000)
_MOST_NAMES = 5_000
_MOST_HOLDERS = 10


@dataclass(frozen=True, slots=True)
class LeakedFile:
    """What can be read in a leaked file: its cells, watermark places, and names of customers."""

    cells: int
    marks: tuple[Mark, ...]
    name_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The exports that a leaked file may come from, and those that held the same customers."""

    cells: int
    marks: int
    compared: int
    suspects: tuple[Suspect, ...]
    customers: int
    holders: tuple[store.Holding, ...]

    @property
    def named(self) -> tuple[Suspect, ...]:
        """Return the exports that the file comes from beyond doubt."""
        return tuple(suspect for suspect in self.suspects if suspect.named)


def read(content: bytes) -> LeakedFile:
    """Read a leaked file without the database. Raises `BadInput` and `LimitExceeded`."""
    cells = list(spreadsheet.texts(content, limits=LIMITS))
    if not cells:
        raise BadInput("The file is empty.", "文件为空。", field="contentBase64")
    keys = {names.search_key(plain(cell)) for cell in cells if len(cell) <= 300}
    name_keys = tuple(sorted(keys - {""})[:_MOST_NAMES])
    return LeakedFile(len(cells), tuple(leak.marks_of(cells)), name_keys)


def conclude(
    session: Session, scope: Scope, file: LeakedFile, compared: int, suspects: Sequence[Suspect]
) -> Finding:
    """Add the exports that held the same customers, which is no proof, and record the audit event.

    `compared` is the number of exports that the file was compared with.
    """
    customers, holders = store.holding(session, scope, file.name_keys, _MOST_HOLDERS)
    finding = Finding(
        file.cells, len(file.marks), compared, tuple(suspects), customers, tuple(holders)
    )
    named = ", ".join(str(suspect.export) for suspect in finding.named)
    audit.record(
        session,
        audit.Entry(
            scope.actor,
            scope.action,
            OBJECT,
            named or "none",
            changes={"cells": [None, file.cells], "named": [None, named or None]},
            policy_version=scope.version,
        ),
    )
    return finding
