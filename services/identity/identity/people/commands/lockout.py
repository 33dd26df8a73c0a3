"""Changes of users and rules that would lock every administrator out, or let one in by a detour."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.orm import Session

from chassis.actor import Actor
from chassis.errors import BadInput, Denied
from chassis.policy.compiling import compile_rules
from chassis.policy.rules import Snapshot
from chassis.policy.scope import Permissions
from identity.core.domain.ids import UserId
from identity.core.store import policy as policies
from identity.people.store import user as users


def refuse_lockout(session: Session, actor: Actor, *, field: str) -> None:
    """Raise `BadInput` if no user could change the policy as this transaction leaves it."""
    refuse_lockout_under(session, policies.snapshot(session), actor, field=field)


def refuse_lockout_under(session: Session, snapshot: Snapshot, actor: Actor, *, field: str) -> None:
    """Raise `BadInput` if no person who can sign in could change this policy.

    The actor is checked first: mostly it is they who keep the right, and then no other user has to
    be looked at.
    """
    people = users.people_who_can_sign_in(session)
    me = UserId(actor.user_id)
    if not any(_can_repair(snapshot, person) for person in _first(me, people)):
        raise BadInput(
            "After this change no person who can sign in could change rules and users any more. "
            "Give another person the role administrator first.",
            "此更改后将没有可登录的人员能修改权限规则和用户，请先为其他人授予 administrator 角色。",
            field=field,
        )


def refuse_taking_over(session: Session, mine: Permissions, target: UserId) -> None:
    """Raise `Denied` if the target may change the policy and the caller may not.

    Otherwise the caller could take that right by way of the target's account.
    """
    if mine.may("Rule", "update"):
        return
    if compile_rules(policies.snapshot(session), target).may("Rule", "update"):
        raise Denied(
            "This user may change the access policy and you may not, so you cannot change their "
            "account.",
            "该用户可以修改权限策略而您不能，因此您无法更改其账号。",
        )


def _first(me: UserId, people: list[UserId]) -> Iterable[UserId]:
    return sorted(people, key=lambda person: person != me)


def _can_repair(snapshot: Snapshot, user: UserId) -> bool:
    permissions = compile_rules(snapshot, user)
    return all(
        permissions.may(object, action)
        for object in ("Rule", "User", "Role")
        for action in ("read", "update")
    )
