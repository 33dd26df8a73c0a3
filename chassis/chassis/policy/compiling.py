"""Compile the rules of a snapshot into the permissions of one user.

A decision is then one dictionary lookup, where Casbin's `enforce` scans all rules. Deny wins, and
what no rule allows is denied.
"""

from __future__ import annotations

import time
from collections.abc import Set
from dataclasses import replace
from uuid import UUID

from chassis.policy.row_scopes import (
    Principal,
    delegating_principals,
    next_delegation,
    own_principal,
)
from chassis.policy.rules import ANY, DENY, FOR_EVER, Rule, Snapshot
from chassis.policy.scope import Grant, Permissions


def compile_rules(
    snapshot: Snapshot,
    user: UUID,
    secret: str | None = None,
    *,
    now: float | None = None,
    alone: bool = False,
) -> Permissions:
    """Return a user's permissions at a moment, in seconds since the epoch (default: now).

    Unless `alone`, they include the permissions of the users for whom this one acts by delegation.
    """
    now = time.time() if now is None else now
    principal = own_principal(snapshot, user, now)
    delegating = [] if alone else delegating_principals(snapshot, user, now)
    givers = [_compile(snapshot, giver, denied_as) for giver, denied_as in delegating]
    return replace(
        _compile(snapshot, principal, principal.names.keys()),
        givers=tuple(givers),
        delegable=snapshot.delegable,
        secret=secret,
        until=min(
            principal.until,
            *(giver.until for giver in givers),
            FOR_EVER if alone else next_delegation(snapshot, user, now),
        ),
    )


def _compile(snapshot: Snapshot, principal: Principal, denied_as: Set[str]) -> Permissions:
    denied = frozenset(
        (rule.object, rule.action)
        for rule in snapshot.rules
        if rule.effect == DENY and rule.subject in denied_as
    )
    allowed = [
        rule for rule in snapshot.rules if rule.effect != DENY and rule.subject in principal.names
    ]
    wild = [rule for rule in allowed if ANY in (rule.object, rule.action)]
    table: dict[tuple[str, str], tuple[Grant, ...]] = {}
    for rule in allowed:
        if ANY not in (rule.object, rule.action):
            key = (rule.object, rule.action)
            table[key] = (*table.get(key, ()), _grant(rule, principal))
    for object, action in table:
        table[object, action] += tuple(
            _grant(rule, principal)
            for rule in wild
            if rule.object in (ANY, object) and rule.action in (ANY, action)
        )
    wildcards: dict[tuple[str, str], tuple[Grant, ...]] = {}
    for rule in wild:
        key = (rule.object, rule.action)
        wildcards[key] = (*wildcards.get(key, ()), _grant(rule, principal))
    return Permissions(
        user_id=principal.user_id,
        version=snapshot.version,
        principal=principal,
        table=table,
        _wildcards=wildcards,
        _denied=denied,
        until=principal.until,
    )


def _grant(rule: Rule, principal: Principal) -> Grant:
    return Grant(frozenset(rule.rows.split("+")), rule.redaction, rule, principal)
