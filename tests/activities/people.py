"""The small company these tests play in: a sales department of two, their lead, and outsiders."""

from __future__ import annotations

from uuid import UUID

from chassis.actor import Actor
from chassis.policy.guard import Guard
from chassis.policy.rules import Member, Rule, Snapshot
from chassis.policy.scope import Scope

HEAD_OFFICE, SALES, SERVICE = UUID(int=0xD0), UUID(int=0xD1), UUID(int=0xD2)
LIN, WANG, LEAD = UUID(int=0xA1), UUID(int=0xA2), UUID(int=0xA3)
AUDITOR, STRANGER, READER = UUID(int=0xA4), UUID(int=0xA5), UUID(int=0xA6)

_OWN = "own+collaborating"


def policy(version: int = 1) -> Snapshot:
    """Sales sees its own customers, the lead those of the department, the auditor everything and
    what is unusual, too; the lead approves exports of the department."""
    rules = [
        Rule(f"role:{role}", object, action, rows)
        for role, rows in (("sales", _OWN), ("lead", "subtree"), ("auditor", "all"))
        for object in ("FollowUp", "Task")
        for action in (("read",) if role == "auditor" else ("read", "create", "update"))
    ]
    return Snapshot(
        version,
        (
            *rules,
            Rule("role:reader", "FollowUp", "read", "all"),
            Rule("role:auditor", "AccessAlert", "update", "all"),
            Rule("role:auditor", "EmergencyAccess", "review", "all"),
            Rule("role:lead", "CustomerExport", "approve", "subtree"),
        ),
        {},
        {
            LIN: Member(SALES, ("sales",)),
            WANG: Member(SALES, ("sales",)),
            LEAD: Member(SALES, ("lead",)),
            AUDITOR: Member(HEAD_OFFICE, ("auditor",)),
            STRANGER: Member(SERVICE, ()),
            READER: Member(HEAD_OFFICE, ("reader",)),
        },
        {HEAD_OFFICE: None, SALES: HEAD_OFFICE, SERVICE: HEAD_OFFICE},
    )


def a_guard() -> Guard:
    guard = Guard()
    guard.swap(policy())
    return guard


def scope(user: UUID, object: str, action: str = "read") -> Scope:
    return a_guard().allow(Actor(user), object, action)
