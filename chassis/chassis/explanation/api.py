"""The GraphQL types of an explanation of access, shared by the subgraphs."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

import strawberry

from chassis.api.paging import Page, Window
from chassis.api.visibility import Visibility
from chassis.errors import BadInput
from chassis.explanation.decisions import Condition, Explanation, Line, Outcome, Question
from chassis.policy.rules import DENY, FOR_EVER

strawberry.enum(
    Outcome,
    name="AccessOutcome",
    description="The verdict of the policy. ALLOWED. DEPENDS_ON_ROW: no row was given, and only "
    "some rows are allowed. UNKNOWN_USER, SUSPENDED, ENDED: the user does not exist, is suspended, "
    "or their access has ended. NO_RULE: no rule allows it, so it is denied. DENY_RULE: a rule "
    "denies it. ROW_OUT_OF_REACH: it is allowed, but not for this row. HIDDEN: the row may be "
    "read, the field is not shown.",
)

_ROWS = {
    "own": ("the user is its owner", "该用户是负责人"),
    "collaborating": ("the user is one of its collaborators", "该用户是协作人之一"),
    "department": ("its department is the user's", "所属部门即该用户的部门"),
    "subtree": (
        "its department is the user's or one below that",
        "所属部门是该用户的部门或其下级部门",
    ),
    "project": ("it belongs to a project the user is on", "属于该用户参与的项目"),
    "emergency": (
        "the user has taken emergency access to it",
        "该用户已申请对此记录的应急访问",
    ),
    "pool": ("it has no owner", "尚无负责人"),
    "all": ("any row", "任意记录"),
}
_OUTCOMES = {
    Outcome.ALLOWED: ("Allowed.", "允许。"),
    Outcome.DEPENDS_ON_ROW: (
        "Allowed for some rows; the rules below name them.",
        "部分记录允许，范围见下列规则。",
    ),
    Outcome.UNKNOWN_USER: ("Denied: there is no such user.", "拒绝：该用户不存在。"),
    Outcome.SUSPENDED: ("Denied: the user is suspended.", "拒绝：该用户已停用。"),
    Outcome.ENDED: ("Denied: the user's access has ended.", "拒绝：该用户的访问期限已过。"),
    Outcome.NO_RULE: (
        "Denied: no rule allows this to the user or to a role they have.",
        "拒绝：没有规则允许该用户或其角色执行此操作。",
    ),
    Outcome.DENY_RULE: (
        "Denied: a deny rule forbids it, which wins over every allow.",
        "拒绝：有禁止规则，优先于所有允许规则。",
    ),
    Outcome.ROW_OUT_OF_REACH: (
        "Denied: rules allow it, but none of them for this row.",
        "拒绝：有允许规则，但均不包含此记录。",
    ),
    Outcome.HIDDEN: (
        "Hidden: the row may be read, but no rule shows this field.",
        "隐藏：可以读取该记录，但没有规则展示该字段。",
    ),
}


@strawberry.federation.type(shareable=True, description="A row scope of a rule.")
class RowCondition:
    """A row scope of a rule, in words."""

    rows: str = strawberry.field(description="The row scope.")
    words: str = strawberry.field(description="What it requires of a row, in words.")
    holds: bool | None = strawberry.field(
        description="Whether the row meets it; null where no row was given."
    )

    @classmethod
    def of(cls, condition: Condition, locale: str) -> RowCondition:
        """Return the GraphQL object of a condition."""
        return cls(
            rows=condition.rows,
            words=_in(locale, *_ROWS[condition.rows]),
            holds=condition.holds,
        )


@strawberry.federation.type(
    shareable=True, description="A rule that applies to the user and the requested access."
)
class ExplainedRule:
    """A rule with the reasons why it applies."""

    subject: str = strawberry.field(description="The role or user the rule is about.")
    object: str = strawberry.field(description="The object the rule is about.")
    action: str = strawberry.field(description="The action the rule allows or denies.")
    rows: str = strawberry.field(description="The row scopes the rule reaches, joined by `+`.")
    redaction: str = strawberry.field(description="The redaction of a sensitive field.")
    effect: str = strawberry.field(description="`allow` or `deny`.")
    role_path: list[str] = strawberry.field(
        description="The roles by which the rule applies: one of the user, then the ones it "
        "inherits from. Empty where the rule names the user. Where it applies by delegation, the "
        "path begins with `by delegation of` and the id of the delegating user."
    )
    delegated_by: strawberry.ID | None = strawberry.field(
        description="The user who delegated this access; null where the user has it in their own "
        "right. `own` then means what the delegating user owns."
    )
    predicate: str = strawberry.field(description="The rows it reaches, in words.")
    conditions: list[RowCondition] = strawberry.field(
        description="Its row scopes; a row must meet one of them."
    )
    decides: bool = strawberry.field(
        description="Whether the verdict is based on it: it reaches the row, and for a field no "
        "rule with a more open redaction does."
    )

    @classmethod
    def of(cls, line: Line, locale: str) -> ExplainedRule:
        """Return the GraphQL object of a rule."""
        conditions = [RowCondition.of(condition, locale) for condition in line.conditions]
        words = [condition.words for condition in conditions]
        if line.rule.effect == DENY:
            words = [_in(locale, *_ROWS["all"])]
        return cls(
            subject=line.rule.subject,
            object=line.rule.object,
            action=line.rule.action,
            rows=line.rule.rows,
            redaction=line.rule.redaction,
            effect=line.rule.effect,
            role_path=[*_by_delegation(line.giver, locale), *line.roles],
            delegated_by=strawberry.ID(str(line.giver)) if line.giver else None,
            predicate=_in(locale, " or ", "；或").join(words),
            conditions=conditions,
            decides=line.decides,
        )


@strawberry.federation.type(
    shareable=True,
    description="A verdict of the policy with its reasons, computed by the code that enforces it.",
)
class AccessExplanation:
    """An explanation in the language of the request."""

    allowed: bool = strawberry.field(
        description="Whether the action is allowed; without a row, whether it is on any row."
    )
    outcome: Outcome = strawberry.field(description="The verdict, and the cause of a denial.")
    reason: str = strawberry.field(description="The verdict in a sentence.")
    visibility: Visibility | None = strawberry.field(
        description="How much of the field is shown, without a row where it is most open; null "
        "where no field was given."
    )
    redaction: str | None = strawberry.field(
        description="The redaction of the field, as `rulebook` lists them: `clear`, one of the "
        "masks, or `hidden`; null where no field was given."
    )
    policy_version: int = strawberry.field(description="The policy version that decided.")
    until: datetime | None = strawberry.field(
        description="When the verdict may change by itself, as access, a project, a delegation or "
        "emergency access begins or ends; null where only an administrator can change it."
    )
    rules: list[ExplainedRule] = strawberry.field(
        description="The rules that apply: about the object, then about the field from the most "
        "open to the least. Empty where none applies."
    )

    @classmethod
    def of(cls, explanation: Explanation, locale: str) -> AccessExplanation:
        """Return the GraphQL object of an explanation."""
        return cls(
            allowed=explanation.allowed,
            outcome=explanation.outcome,
            reason=_in(locale, *_OUTCOMES[explanation.outcome]),
            visibility=explanation.visibility,
            redaction=explanation.redaction,
            policy_version=explanation.version,
            until=datetime.fromtimestamp(explanation.until, UTC)
            if explanation.until < FOR_EVER
            else None,
            rules=[ExplainedRule.of(line, locale) for line in explanation.lines],
        )


def _by_delegation(giver: UUID | None, locale: str) -> list[str]:
    return [_in(locale, f"by delegation of {giver}", f"受 {giver} 委托")] if giver else []


def question_of(object: str, action: str, field: str | None, within: str | None = None) -> Question:
    """Return the question. Raise `BadInput` for a field with an action other than read."""
    if field is not None and action != "read":
        raise BadInput(
            f"action is {action!r}, but a field can only be read; leave out action or field.",
            f"action 为 {action!r}；字段只有 read 操作，请去掉 action 或 field。",
            field="action",
        )
    return Question(object, action, field, within if action == "read" else None)


def user_after(window: Window) -> UUID | None:
    """Return the user after whom the page begins. Raise `BadInput` for a bad cursor."""
    if window.after is None:
        return None
    try:
        return UUID(bytes=base64.urlsafe_b64decode(window.after + "=="))
    except (ValueError, binascii.Error) as problem:
        raise BadInput(
            "after is not a cursor of this list; use an endCursor that this query returned.",
            "after 不是本列表返回的游标，请使用上一页的 endCursor。",
            field="after",
        ) from problem


async def page_of_explanations(
    explanations: Iterable[Explanation], window: Window
) -> Page[Explanation]:
    """Return a page of explanations.

    They are computed in a thread, so that other requests go on: of 5,000 users it may be the last
    one who is allowed.
    """
    rows = await asyncio.to_thread(lambda: list(islice(explanations, window.first + 1)))
    users = page_of_users([row.user_id for row in rows], window)
    return Page(rows[: window.first], users.cursors, users.has_next, users.has_previous)


def page_of_users(ids: Sequence[UUID], window: Window) -> Page[UUID]:
    """Return the page of users whose sorted ids are given, with one more if a page follows."""
    shown = ids[: window.first]
    return Page(
        rows=shown,
        cursors=[_cursor(id) for id in shown],
        has_next=len(ids) > window.first,
        has_previous=window.after is not None,
    )


def _cursor(id: UUID) -> str:
    return base64.urlsafe_b64encode(id.bytes).rstrip(b"=").decode()


def _in(locale: str, en: str, zh: str) -> str:
    return zh if locale.startswith("zh") else en
