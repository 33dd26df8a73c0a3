"""What a user may do under one policy version (`Permissions`), and the proof of it (`Scope`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, true

from chassis.actor import Actor
from chassis.errors import Denied
from chassis.policy.disclosures import Disclosures
from chassis.policy.masks import Protected, Visibility, fingerprints, redact
from chassis.policy.row_scopes import Principal, RowAccess, RowColumns
from chassis.policy.rules import ANY, FOR_EVER, REDACTIONS, Rule


@dataclass(frozen=True, slots=True)
class Grant:
    """A permission of one rule for one principal: its row scopes, and how open a value is there."""

    rows: frozenset[str]
    redaction: str
    rule: Rule
    principal: Principal = field(repr=False)

    @property
    def everywhere(self) -> bool:
        """Return whether the grant reaches every row."""
        return "all" in self.rows and self.principal.only is None

    def reaches(self, row: RowAccess) -> bool:
        """Return whether the grant reaches a row."""
        return self.principal.reaches(self.rows, row)


@dataclass(frozen=True)
class Permissions:
    """All that one user may do under one policy version.

    A request keeps one of these from its first decision to its last, so no answer mixes two
    versions.
    """

    user_id: UUID
    version: int
    principal: Principal = field(repr=False)
    table: Mapping[tuple[str, str], tuple[Grant, ...]]
    _wildcards: Mapping[tuple[str, str], tuple[Grant, ...]] = field(repr=False)
    _denied: frozenset[tuple[str, str]] = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    """The key of the mask `hash`; without one that mask shows nothing."""
    givers: tuple[Permissions, ...] = ()
    """The permissions of the users for whom this one acts by delegation at the moment."""
    delegable: frozenset[str] = frozenset()
    until: float = FOR_EVER
    """The next moment at which a part of this begins or ends by itself."""
    _decided: dict[tuple[str, str], tuple[Grant, ...]] = field(default_factory=dict, repr=False)

    def grants(self, object: str, action: str) -> tuple[Grant, ...]:
        """Return the grants for an object and action; empty means denied.

        Decisions are cached: a page asks for the same few again and again.
        """
        grants = self._decided.get((object, action))
        if grants is None:
            grants = self._decided[object, action] = self._decide(object, action)
        return grants

    def _decide(self, object: str, action: str) -> tuple[Grant, ...]:
        if self.denials(object, action):
            return ()
        grants = self.table.get((object, action))
        if grants is None:
            grants = (
                self._wildcards.get((ANY, action), ())
                + self._wildcards.get((object, ANY), ())
                + (self._wildcards.get((ANY, ANY), ()))
            )
        if self.givers and object in self.delegable:
            for giver in self.givers:
                grants += giver.grants(object, action)
        return grants

    def denials(self, object: str, action: str) -> tuple[tuple[str, str], ...]:
        """Return the denied (object, action) pairs, wildcards included, that match these."""
        pairs = ((object, action), (ANY, action), (object, ANY), (ANY, ANY))
        return tuple(pair for pair in pairs if pair in self._denied)

    def allow(
        self, actor: Actor, object: str, action: str, disclosures: Disclosures | None = None
    ) -> Scope:
        """Return the proof that an action is allowed, with the rows. Raise `Denied`.

        The redactors of the scope note in `disclosures` which sensitive values they showed.
        """
        grants = self.grants(object, action)
        if not grants:
            raise Denied(
                f"The policy does not permit you to {action} {object}.",
                f"当前权限策略不允许您对 {object} 执行 {action} 操作。",
                coordinate=object,
                action=action,
            )
        return Scope(actor, object, action, grants, self, disclosures)

    def may(self, object: str, action: str) -> bool:
        """Return whether an action is allowed, to any row."""
        return bool(self.grants(object, action))


@dataclass(frozen=True)
class Scope:
    """The proof that a user may do an action to certain rows.

    A store takes it as an argument: no scope, no rows.
    """

    actor: Actor
    object: str
    action: str
    grants: tuple[Grant, ...] = field(repr=False)
    permissions: Permissions = field(repr=False)
    disclosures: Disclosures | None = field(default=None, repr=False, compare=False)

    @property
    def version(self) -> int:
        """Return the policy version that decided."""
        return self.permissions.version

    @property
    def rows(self) -> frozenset[str]:
        """Return the row scopes of all grants, whichever principal they are of."""
        return frozenset[str]().union(*(grant.rows for grant in self.grants))

    @cached_property
    def everything(self) -> bool:
        """Return whether the scope reaches every row."""
        return any(grant.everywhere for grant in self.grants)

    @cached_property
    def _rows_by_principal(self) -> Mapping[Principal, frozenset[str]]:
        """Return the row scopes of each principal, the user's own first."""
        rows: dict[Principal, frozenset[str]] = {}
        for grant in self.grants:
            rows[grant.principal] = rows.get(grant.principal, frozenset()) | grant.rows
        return rows

    def where(self, columns: RowColumns) -> ColumnElement[bool]:
        """Return the rows of this scope, as one SQL condition."""
        if self.everything:
            return true()
        conditions = (
            principal.where(rows, columns) for principal, rows in self._rows_by_principal.items()
        )
        return or_(false(), *conditions)

    def sees(self, row: RowAccess) -> bool:
        """Return the verdict of `where` for a row in memory."""
        return any(
            principal.reaches(rows, row) for principal, rows in self._rows_by_principal.items()
        )

    @cached_property
    def acting_users(self) -> frozenset[UUID]:
        """Return the users in whose name the actor acts: itself, and givers without row limits."""
        users = {
            principal.user_id for principal in self._rows_by_principal if principal.only is None
        }
        return frozenset({self.actor.user_id, *users})

    def at(self, row: RowAccess) -> Scope:
        """Return this scope for one row.

        Where only another user's principal reaches the row, the actor acts on behalf of that user.
        """
        for principal, rows in self._rows_by_principal.items():
            if principal.reaches(rows, row):
                own = principal.user_id == self.actor.user_id
                giver = None if own else principal.user_id
                return replace(self, actor=replace(self.actor, on_behalf_of=giver))
        return self

    def within(self, other: Scope) -> bool:
        """Return whether the other scope reaches every row of this one, whatever the rows are."""
        if other.everything:
            return True
        others = other._rows_by_principal
        return all(
            rows <= others.get(principal, frozenset())
            for principal, rows in self._rows_by_principal.items()
        )

    def clear_in(self, coordinate: str) -> Scope:
        """Return the scope of the rows of which the reader sees a sensitive field in clear.

        A query that filters, sorts, groups or searches by the field must not look at other rows, or
        its result would disclose the value.
        """
        grants = self.permissions.grants(coordinate, "read")
        return replace(self, grants=tuple(grant for grant in grants if grant.redaction == "clear"))

    def redaction(self, coordinate: str) -> Callable[[RowAccess], str]:
        """Return the function from a row to the redaction of a field; made once per operation."""
        grants = by_openness(self.permissions.grants(coordinate, "read"))
        if grants and grants[0].everywhere:
            everywhere = grants[0].redaction
            return lambda row: everywhere

        def redaction_of(row: RowAccess) -> str:
            for grant in grants:
                if grant.reaches(row):
                    return grant.redaction
            return "hidden"

        return redaction_of

    def redactor(self, coordinate: str) -> Callable[[RowAccess, str | None], Protected]:
        """Return the function that redacts a field's text for a row; made once per operation."""
        redaction, disclosures, object = self.redaction(coordinate), self.disclosures, self.object
        secret = self.permissions.secret
        fingerprint = fingerprints(secret, coordinate) if secret else None
        if disclosures is None:
            return lambda row, text: redact(redaction(row), text, fingerprint)

        def redact_and_note(row: RowAccess, text: str | None) -> Protected:
            value = redact(redaction(row), text, fingerprint)
            if text and value.visibility is not Visibility.HIDDEN:
                clear = value.visibility is Visibility.CLEAR
                disclosures.note(object, coordinate, row.id, clear=clear)
            return value

        return redact_and_note

    def may(self, object: str, action: str = "read") -> bool:
        """Return whether the same user may do another action."""
        return self.permissions.may(object, action)


def by_openness(grants: Sequence[Grant]) -> list[Grant]:
    """Sort grants from the most open redaction; the first one that reaches a row applies to it."""
    return sorted(grants, key=lambda grant: REDACTIONS.index(grant.redaction))
