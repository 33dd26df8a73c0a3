"""The rulebook: every object, action, row scope and redaction that a rule may name.

A new `right(...)` in any service comes with its line here. No service would ever ask for anything
else, so a rule that names it is refused when it is written.
"""

from __future__ import annotations

from dataclasses import dataclass

from chassis.policy.rules import ANY, REDACTIONS, ROWS

EVERY_ROW = ("all",)
_CUSTOMER_ROWS = ROWS


@dataclass(frozen=True, slots=True)
class Entry:
    """One object with the actions, row scopes and redactions that a rule may name."""

    object: str
    actions: tuple[str, ...]
    description: str
    rows: tuple[str, ...] = EVERY_ROW
    sensitive: bool = False

    @property
    def redactions(self) -> tuple[str, ...]:
        """Return the redactions that a rule may name; only a sensitive field may be masked."""
        return REDACTIONS if self.sensitive else ("clear",)


def _sensitive(coordinate: str, description: str) -> Entry:
    return Entry(coordinate, ("read",), description, _CUSTOMER_ROWS, sensitive=True)


_CRU = ("read", "create", "update")

RULEBOOK: tuple[Entry, ...] = (
    Entry(
        "User",
        (*_CRU, "off_board"),
        "Users: employees, external people and services",
        ("own", "department", "subtree", "all"),
    ),
    Entry(
        "Department",
        ("read", "update"),
        "The tree of departments",
        ("department", "subtree", "all"),
    ),
    Entry(
        "Project",
        _CRU,
        "Projects and their members; own: projects that the user leads",
        ("own", "all"),
    ),
    Entry(
        "Delegation",
        _CRU,
        "Delegations of work during an absence; own: given by the user, collaborating: taken by "
        "the user; update ends one",
        ("own", "collaborating", "department", "subtree", "all"),
    ),
    Entry(
        "EmergencyAccess",
        (*_CRU, "review"),
        "Emergency access to one customer; own: taken by the user; update ends one",
        ("own", "department", "subtree", "all"),
    ),
    Entry("Role", ("read", "update"), "Roles; update also permits giving them to users"),
    Entry("Rule", ("read", "update"), "The access policy itself"),
    Entry(
        "AccessReview",
        ("read", "manage", "decide"),
        "Reviews of granted rights; decide: as the reviewer of assigned items",
    ),
    Entry("AuditEvent", ("read", "export"), "The audit ledger"),
    Entry("AccessAlert", ("read", "update"), "Alerts about unusual access; update decides them"),
    Entry("AlertRule", ("read", "update"), "The thresholds of unusual access"),
    Entry(
        "DirectoryGroup",
        ("read", "update"),
        "Groups that a directory manages by SCIM, and their members",
    ),
    Entry("Session", ("end",), "All sessions of all users, ended at once"),
    Entry("SignInProvider", _CRU, "External sign-in providers (OpenID Connect)"),
    Entry("ApiClient", _CRU, "API keys of programs; update revokes them"),
    Entry(
        "Customer",
        (*_CRU, "merge", "absorb", "import", "export", "total"),
        "Organisations and persons in the pool; total: counts by group",
        _CUSTOMER_ROWS,
    ),
    _sensitive("Customer.unified_social_credit_code", "Unified social credit code"),
    Entry("Contact", _CRU, "People at a customer", _CUSTOMER_ROWS),
    _sensitive("Contact.name", "Name of a contact"),
    _sensitive("Contact.mobile", "Mobile number of a contact"),
    _sensitive("Contact.email", "E-mail address of a contact"),
    Entry(
        "CustomerExport",
        ("read", "approve", "identify"),
        "Files with exported customers; own: requested by the user. Identify names the export "
        "that a leaked file comes from",
        ("own", "department", "subtree", "all"),
    ),
    Entry("Tag", ("read", "update"), "Labels on customers", _CUSTOMER_ROWS),
    Entry(
        "FollowUp", ("read", "create"), "Records of conversations with a customer", _CUSTOMER_ROWS
    ),
    Entry("Task", _CRU, "Tasks for a customer", _CUSTOMER_ROWS),
    Entry("Installation", _CRU, "Connectors set up with credentials"),
    Entry("SyncRun", ("read", "start"), "Runs of a connector"),
    Entry("SourceRecord", ("read",), "Records as an outside system has them", _CUSTOMER_ROWS),
    _sensitive("SourceRecord.payload", "The complete record as the outside system has it"),
    Entry("DeadLetter", ("read", "retry"), "Records that could not be processed"),
)

DELEGABLE = frozenset(entry.object for entry in RULEBOOK if entry.rows is _CUSTOMER_ROWS)
"""Objects that a delegation covers: the work on customers.

Rights about users, roles and rules, and everything else without a customer, are not delegated.
"""
OBJECTS: dict[str, Entry] = {entry.object: entry for entry in RULEBOOK}
ASKED = tuple((entry.object, action) for entry in RULEBOOK for action in entry.actions)
"""Every object and action that a service may ask the policy about."""
ACTIONS: tuple[str, ...] = tuple(sorted({action for entry in RULEBOOK for action in entry.actions}))
EVERYTHING = Entry(ANY, (ANY, *ACTIONS), "Everything", EVERY_ROW)
