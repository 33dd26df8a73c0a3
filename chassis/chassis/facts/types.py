"""What a fact is, and the registered types of the facts that every service records.

A fact says in the past tense what happened. It leaves with its transaction through the outbox, and
its receiver reads the present state. Each service registers its own types in
`core/domain/facts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact on its way: the name of its type, the id of its subject, and a JSON body."""

    name: str
    subject: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FactType:
    """A registered type of fact, named `service.entity.participle`.

    `meaning` is one sentence for docs/facts.md. A type that no service listens to says in
    `unheard` why it is recorded nevertheless.
    """

    name: str
    meaning: str
    unheard: str | None = None

    def about(self, subject: object, body: Mapping[str, Any]) -> Fact:
        """Build a fact of this type; `subject` is the id of the entity it is about."""
        return Fact(self.name, str(subject), dict(body))


AUDIT_RECORDED = FactType(
    "audit.event.recorded", "One audit event, or the audit events of many reads answered together."
)
RIGHTS_USED = FactType(
    "audit.right.used", "How often each user used each right since the last of these facts."
)
FACTS = (AUDIT_RECORDED, RIGHTS_USED)
