"""What may be permitted at all: every object the services ask the policy about, and how.

A new `right(...)` in any service comes with its line here. A rule that names anything else would
never be asked for, so it is refused when it is written, not found out when it is missed.
"""

from __future__ import annotations

from dataclasses import dataclass

from chassis.policy.rules import ANY, REDACTIONS, ROWS

EVERY_ROW = ("all",)
_CUSTOMER_ROWS = ROWS


@dataclass(frozen=True, slots=True)
class Entry:
    """One object: what may be done to it, which rows a rule may narrow it to, how it may be hidden."""

    object: str
    actions: tuple[str, ...]
    description: str
    rows: tuple[str, ...] = EVERY_ROW
    sensitive: bool = False

    @property
    def redactions(self) -> tuple[str, ...]:
        """How open a rule may make it; only a sensitive coordinate may be masked."""
        return REDACTIONS if self.sensitive else ("clear",)


def _sensitive(coordinate: str, description: str) -> Entry:
    return Entry(coordinate, ("read",), description, _CUSTOMER_ROWS, sensitive=True)


_CRU = ("read", "create", "update")

RULEBOOK: tuple[Entry, ...] = (
    Entry(
        "User",
        (*_CRU, "off_board"),
        "People who work here and service users",
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
        "Projects and who is on them; own: those one leads",
        ("own", "all"),
    ),
    Entry(
        "Delegation",
        _CRU,
        "Doing somebody's work while they are away; own: of one's own work, collaborating: given "
        "to one; update ends it",
        ("own", "collaborating", "department", "subtree", "all"),
    ),
    Entry(
        "EmergencyAccess",
        (*_CRU, "review"),
        "Reaching one customer at once for a reason; own: what one took; update ends it",
        ("own", "department", "subtree", "all"),
    ),
    Entry("Role", ("read", "update"), "Roles; update also permits giving them to users"),
    Entry("Rule", ("read", "update"), "The access policy itself"),
    Entry(
        "AccessReview",
        ("read", "manage", "decide"),
        "Reviews of who still needs their rights; decide: as a reviewer of what one is given",
    ),
    Entry("AuditEvent", ("read", "export"), "The audit ledger"),
    Entry("AccessAlert", ("read", "update"), "Alerts about unusual access; update decides them"),
    Entry("AlertRule", ("read", "update"), "From when on access is unusual"),
    Entry(
        "DirectoryGroup",
        ("read", "update"),
        "Groups that a directory keeps by SCIM, and who is in them",
    ),
    Entry("Session", ("end",), "All sessions of everybody, ended at once"),
    Entry("SignInProvider", _CRU, "Who else may say who somebody is (OpenID Connect)"),
    Entry("ApiClient", _CRU, "Keys of programs; update ends them"),
    Entry(
        "Customer",
        (*_CRU, "merge", "absorb", "import", "export", "total"),
        "Organisations and persons in the pool; total: how many there are, by group",
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
        "Files that customers leave the pool in; own: those one asked for. Identify names the "
        "export that a found file comes from",
        ("own", "department", "subtree", "all"),
    ),
    Entry("Tag", ("read", "update"), "Labels on customers", _CUSTOMER_ROWS),
    Entry("FollowUp", ("read", "create"), "What was talked about with a customer", _CUSTOMER_ROWS),
    Entry("Task", _CRU, "What is to be done for a customer", _CUSTOMER_ROWS),
    Entry("Installation", _CRU, "Connectors set up with credentials"),
    Entry("SyncRun", ("read", "start"), "Runs of a connector"),
    Entry("SourceRecord", ("read",), "Records as an outside system has them", _CUSTOMER_ROWS),
    _sensitive("SourceRecord.payload", "All an outside system says of a record, as it said it"),
    Entry("DeadLetter", ("read", "retry"), "Records that could not be taken in"),
)

DELEGABLE = frozenset(entry.object for entry in RULEBOOK if entry.rows is _CUSTOMER_ROWS)
"""What one may do for somebody else: the work on customers. Who may what, and everything else that
has no customer, stays with the person whose right it is."""
OBJECTS: dict[str, Entry] = {entry.object: entry for entry in RULEBOOK}
ASKED = tuple((entry.object, action) for entry in RULEBOOK for action in entry.actions)
"""All that a service may ever ask the policy."""
ACTIONS: tuple[str, ...] = tuple(sorted({action for entry in RULEBOOK for action in entry.actions}))
EVERYTHING = Entry(ANY, (ANY, *ACTIONS), "Everything", EVERY_ROW)
