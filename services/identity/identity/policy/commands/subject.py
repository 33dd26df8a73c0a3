"""Subjects of rules, which must be roles or users that exist."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.errors import BadInput
from chassis.policy.rules import Rule
from identity.people.domain import role as role_domain
from identity.people.store import role as roles, user as users


def refuse_unknown_subject(session: Session, rule: Rule) -> None:
    """Raise `BadInput` for a rule about a role or a user that does not exist."""
    kind, _, name = rule.subject.partition(":")
    if kind == "role":
        role_domain.refuse_unknown([name], list(roles.names(session)), field="subject")
        return
    try:
        exists = users.exists(session, UUID(name)) and name == str(UUID(name))
    except ValueError:
        exists = False
    if not exists:
        raise BadInput(
            f"subject names user {name!r}, who does not exist; write user:<id of a user>.",
            f"subject 中的用户 {name!r} 不存在，格式应为 user:用户编号。",
            field="subject",
        )
