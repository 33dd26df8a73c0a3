"""The policy that a new company starts with: its roles and what each may do.

A role that exists already is left alone, so what an administrator changed is never changed back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.policy.rules import ANY, Rule

_MOBILE, _EMAIL, _NAME = "Contact.mobile", "Contact.email", "Contact.name"
_CODE, _PAYLOAD = "Customer.unified_social_credit_code", "SourceRecord.payload"
# Customers a user collaborates on, directly or in a project; and those of the department.
_SHARED = "collaborating+project"
_AROUND = "collaborating+department+project"
# Own customers, those a user collaborates on, and those without an owner.
_NEAR = "own+collaborating+pool"


@dataclass(frozen=True, slots=True)
class Allowed:
    """One allowed object and action of a role."""

    object: str
    action: str
    rows: str = "all"
    redaction: str = "clear"


@dataclass(frozen=True, slots=True)
class StarterRole:
    """A role with what it may do."""

    name: str
    description: str
    allowed: tuple[Allowed, ...]
    inherits: tuple[str, ...] = ()

    def rules(self) -> Iterator[Rule]:
        """Yield the rules of the role."""
        subject = f"role:{self.name}"
        for right in self.allowed:
            yield Rule(subject, right.object, right.action, right.rows, right.redaction)


def _may(rows: str, **actions: str) -> tuple[Allowed, ...]:
    """Return rights on the same rows, as in `_may("own", Customer="read update")`."""
    return tuple(
        Allowed(object, action, rows) for object, all in actions.items() for action in all.split()
    )


def _shown(rows: str, redaction: str, *coordinates: str) -> tuple[Allowed, ...]:
    return tuple(Allowed(coordinate, "read", rows, redaction) for coordinate in coordinates)


ROLES: tuple[StarterRole, ...] = (
    StarterRole(
        "colleague",
        "All users: sees names, departments and roles of the others",
        _may("all", User="read", Department="read", Role="read", Project="read")
        + _may("own+collaborating", Delegation="read update")
        + _may("own", Delegation="create"),
    ),
    StarterRole(
        "administrator",
        "Everything, the access policy included",
        (Allowed(ANY, ANY),),
        ("colleague",),
    ),
    StarterRole(
        "data_steward",
        "Keeps the pool clean: all customers, merging, importing",
        _may(
            "all",
            Customer="read create update merge import export total",
            Contact="read create update",
            Tag="read update",
            FollowUp="read create",
            Task="read create update",
            Installation="read",
            SyncRun="read start",
            SourceRecord="read",
            DeadLetter="read retry",
        )
        + _shown("all", "clear", _CODE, _NAME, _MOBILE, _EMAIL, _PAYLOAD),
        ("colleague",),
    ),
    StarterRole(
        "sales",
        "Own, shared and unowned customers; contact channels clear for own ones",
        _may(
            _NEAR,
            Customer="read create update",
            Contact="read create update",
            Tag="read update",
            FollowUp="read create",
            Task="read create update",
            SourceRecord="read",
        )
        + _may("own", Customer="export")
        + _may("department", Customer="total")
        + _may("all", SyncRun="read")
        + _shown(_NEAR, "clear", _CODE, _NAME)
        + _shown("own", "clear", _MOBILE, _EMAIL)
        + _shown(_NEAR, "mask:first3last4", _MOBILE)
        + _shown(_NEAR, "mask:domain", _EMAIL),
        ("colleague",),
    ),
    StarterRole(
        "sales_lead",
        "What sales may, for every customer of the department and those below it",
        _may(
            "subtree",
            Customer="read create update export total",
            CustomerExport="read approve",
            Contact="read create update",
            Tag="read update",
            FollowUp="read create",
            Task="read create update",
            SourceRecord="read",
        )
        + _may("all", AccessReview="decide")
        + _shown("subtree", "clear", _CODE, _NAME)
        + _shown("subtree", "mask:first3last4", _MOBILE)
        + _shown("subtree", "mask:domain", _EMAIL)
        + _may("own", Project="create update"),
        ("sales",),
    ),
    StarterRole(
        "service",
        "All customers, for support; contact channels clear as a collaborator",
        _may(
            "all",
            Customer="read total",
            Contact="read",
            Tag="read",
            FollowUp="read create",
            Task="read create update",
            SyncRun="read",
        )
        + _shown("all", "clear", _NAME)
        + _shown("own+collaborating", "clear", _MOBILE, _EMAIL)
        + _shown("all", "mask:first3last4", _CODE, _MOBILE)
        + _shown("all", "mask:domain", _EMAIL),
        ("colleague",),
    ),
    StarterRole(
        "marketing",
        "All customers and their tags; people only masked",
        _may(
            "all",
            Customer="read import export total",
            Contact="read",
            Tag="read update",
            SyncRun="read",
        )
        + _shown("all", "mask:first1", _NAME)
        + _shown("all", "mask:first3last4", _CODE, _MOBILE)
        + _shown("all", "mask:domain", _EMAIL),
        ("colleague",),
    ),
    StarterRole(
        "project_member",
        "Customers of own projects, of the own department, and as a collaborator",
        _may(
            _AROUND,
            Customer="read",
            Contact="read",
            Tag="read",
            FollowUp="read create",
            Task="read create update",
        )
        + _may("all", SyncRun="read")
        + _shown(_AROUND, "clear", _NAME)
        + _shown(_SHARED, "clear", _MOBILE, _EMAIL)
        + _shown(_AROUND, "mask:first3last4", _CODE, _MOBILE)
        + _shown(_AROUND, "mask:domain", _EMAIL),
        ("colleague",),
    ),
    StarterRole(
        "external_collaborator",
        "External users: only customers they collaborate on and those of their projects, people "
        "masked",
        _may(
            _SHARED,
            Customer="read",
            Contact="read",
            Tag="read",
            FollowUp="read create",
            Task="read",
        )
        + _shown(_SHARED, "mask:first1", _NAME)
        + _shown(_SHARED, "mask:first3last4", _MOBILE)
        + _shown(_SHARED, "mask:domain", _EMAIL),
        ("colleague",),
    ),
    StarterRole(
        "auditor",
        "Reads the audit ledger, the policy and the exports; identifies the source of a leak, "
        "reviews emergency access",
        _may(
            "all",
            AuditEvent="read export",
            AccessAlert="read update",
            AlertRule="read",
            Rule="read",
            CustomerExport="read identify",
            EmergencyAccess="read review",
            AccessReview="read",
        ),
        ("colleague",),
    ),
    StarterRole(
        "emergency_responder",
        "May take emergency access to one customer at a time, for a reason that others review",
        _may("own", EmergencyAccess="read create update")
        + _may(
            "emergency",
            Customer="read update",
            Contact="read update",
            Tag="read",
            FollowUp="read create",
            Task="read create update",
            SourceRecord="read",
        )
        + _shown("emergency", "clear", _CODE, _NAME, _MOBILE, _EMAIL),
        ("colleague",),
    ),
    StarterRole(
        "integration_engineer",
        "Sets connectors up and keeps them running; sees records, but no data about people in them",
        _may(
            "all",
            Installation="read create update",
            SyncRun="read start",
            SourceRecord="read",
            DeadLetter="read retry",
        )
        + _shown("all", "hidden", _PAYLOAD),
        ("colleague",),
    ),
    StarterRole(
        "sre",
        "Keeps the system running: connectors and their runs, no customers",
        _may("all", SyncRun="read", Installation="read", DeadLetter="read"),
        ("colleague",),
    ),
    StarterRole(
        "provisioner",
        "The service user of a directory: users and groups, no customers",
        _may("all", User="read create update", DirectoryGroup="read update"),
        ("colleague",),
    ),
    StarterRole(
        "sync",
        "The service users of integrations: write the records of outside systems",
        _may(
            "all",
            Customer="read absorb",
            Contact="read",
            Tag="read",
            FollowUp="read",
            Task="read",
            Installation="read",
            SyncRun="read",
            SourceRecord="read",
            DeadLetter="read",
        ),
        ("colleague",),
    ),
)
