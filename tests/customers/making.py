"""Builds what the tests of the pool need: people with rights, records, valid credit codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Rule, Snapshot
from chassis.policy.scope import Scope
from customers.pool.domain.credit_code import check_digit
from customers.pool.domain.record import ContactRecord, Source, SourceRecord

HEAD = UUID(int=0xD0)
SALES = UUID(int=0xD1)
SERVICE = UUID(int=0xD2)

STEWARD = UUID(int=0xA0)
REP = UUID(int=0xA1)
OTHER_REP = UUID(int=0xA2)
LEAD = UUID(int=0xA3)
READER = UUID(int=0xA4)
STRANGER = UUID(int=0xA5)
AUDITOR = UUID(int=0xA6)

EVERY_ACTION = ("read", "create", "update", "merge", "absorb", "import", "export")

TRYTON = Source("tryton")
SHEET = Source("spreadsheet")
MONDAY = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TUESDAY = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
WEDNESDAY = datetime(2026, 11, 4, 9, 0, tzinfo=UTC)


def a_policy(version: int = 1) -> Snapshot:
    """A steward sees all, a rep their own and the pool,
    a lead their departments, a reader masked."""
    rules = [
        Rule("role:steward", object, action)
        for object in ("Customer", "Contact", "Tag")
        for action in EVERY_ACTION
    ]
    clear = (
        "Customer.unified_social_credit_code",
        "Contact.mobile",
        "Contact.email",
        "Contact.name",
    )
    rules += [Rule("role:steward", field, "read") for field in clear]
    for action in ("read", "create", "update", "import"):
        rules.append(Rule("role:rep", "Customer", action, "own+collaborating"))
        rules.append(Rule("role:rep", "Contact", action, "own+collaborating"))
    rules.append(Rule("role:rep", "Customer", "export", "own"))
    rules.append(Rule("role:rep", "Customer", "read", "pool"))
    rules.append(Rule("role:rep", "Tag", "read"))
    rules += [Rule("role:rep", field, "read", "own+collaborating") for field in clear]
    rules += [
        Rule("role:lead", "Customer", "read", "subtree"),
        Rule("role:lead", "Customer", "update", "subtree"),
        Rule("role:lead", "Contact", "read", "subtree"),
        Rule("role:reader", "Customer", "read"),
        Rule("role:reader", "Contact", "read"),
        Rule("role:reader", "Tag", "read"),
        Rule("role:reader", "Contact.mobile", "read", "all", "mask:first3last4"),
        Rule("role:reader", "Contact.email", "read", "all", "mask:domain"),
        Rule("role:auditor", "Rule", "read"),
        Rule("role:auditor", "CustomerExport", "read"),
        Rule("role:auditor", "CustomerExport", "identify"),
        Rule("role:lead", "CustomerExport", "read", "subtree"),
        Rule("role:lead", "CustomerExport", "approve", "subtree"),
        Rule("role:steward", "CustomerExport", "approve"),
    ]
    return Snapshot(
        version=version,
        rules=tuple(rules),
        users={
            STEWARD: Member(HEAD, ("steward",)),
            REP: Member(SALES, ("rep",)),
            OTHER_REP: Member(SALES, ("rep",)),
            LEAD: Member(SALES, ("lead",)),
            READER: Member(SERVICE, ("reader",)),
            STRANGER: Member(SERVICE, ()),
            AUDITOR: Member(SERVICE, ("auditor",)),
        },
        departments={HEAD: None, SALES: HEAD, SERVICE: HEAD},
    )


def a_guard() -> Guard:
    guard = Guard(clock=lambda: 0.0)
    guard.swap(a_policy())
    return guard


def a_scope(user: UUID = STEWARD, action: str = "read", object: str = "Customer") -> Scope:
    return a_guard().allow(Actor(user), object, action)


def a_code(number: int) -> str:
    """A valid unified social credit code that belongs to nobody."""
    body = f"91110108MA{number:07d}"
    return body + check_digit(body)


def a_record(
    external_id: str = "1",
    *,
    name: str | None = "华宁科技有限公司",
    kind: str = "ORGANIZATION",
    observed_at: datetime = MONDAY,
    contacts: Sequence[ContactRecord] = (),
    tags: Sequence[str] = (),
    complete: bool = True,
    deleted: bool = False,
    **fields: Any,
) -> SourceRecord:
    named: Mapping[str, Any] = {} if name is None else {"name": name}
    return SourceRecord(
        external_id=external_id,
        kind=kind,
        observed_at=observed_at,
        fields={**named, **fields},
        contacts=contacts,
        tags=tags,
        complete=complete,
        deleted=deleted,
    )


def count(session: Session, table: str) -> int:
    return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
