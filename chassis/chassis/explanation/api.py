"""An explanation of access as clients read it, in their language; the same in every subgraph."""

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
    description="ALLOWED. DEPENDS_ON_ROW: no row was asked about, and not every row will do. "
    "UNKNOWN_USER, SUSPENDED, ENDED: there is nobody to allow it to. NO_RULE: what no rule allows is "
    "denied. DENY_RULE: a rule forbids it. ROW_OUT_OF_REACH: allowed, but not for this row. "
    "HIDDEN: the row may be read, the field is not shown.",
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
    "pool": ("nobody owns it", "尚无负责人"),
    "all": ("any row", "任意记录"),
}
_OUTCOMES = {
    Outcome.ALLOWED: ("Allowed.", "允许。"),
    Outcome.DEPENDS_ON_ROW: (
        "Allowed for some rows; the rules below say which.",
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
        "Hidden: the row may be read, but nothing shows this field of it.",
        "隐藏：可以读取该记录，但没有规则展示该字段。",
    ),
}


@strawberry.federation.type(shareable=True, description="One row scope of a rule.")
class RowCondition:
    rows: str = strawberry.field(description="The row scope.")
    words: str = strawberry.field(description="What it asks of a row.")
    holds: bool | None = strawberry.field(
        description="Whether this row meets it; null: no row was asked about."
    )

    @classmethod
    def of(cls, condition: Condition, locale: str) -> RowCondition:
        return cls(
            rows=condition.rows,
            words=_in(locale, *_ROWS[condition.rows]),
            holds=condition.holds,
        )


@strawberry.federation.type(
    shareable=True, description="A rule that speaks of the user and of what was asked."
)
class ExplainedRule:
    subject: str = strawberry.field(description="Whom the rule is about.")
    object: str = strawberry.field(description="What it is about.")
    action: str = strawberry.field(description="What may be done to it.")
    rows: str = strawberry.field(description="To which rows.")
    redaction: str = strawberry.field(description="How open a sensitive field is shown.")
    effect: str = strawberry.field(description="`allow` or `deny`.")
    role_path: list[str] = strawberry.field(
        description="How the user comes to it: a role they have, then the ones it inherits from. "
        "Empty: the rule names the user. What comes by somebody for whom they stand in begins with "
        "`by delegation of` and that user's id."
    )
    delegated_by: strawberry.ID | None = strawberry.field(
        description="For whom the user stands in; null: the rule reaches them in their own right. "
        "`own` then means what that user owns."
    )
    predicate: str = strawberry.field(description="Which rows it reaches, in words.")
    conditions: list[RowCondition] = strawberry.field(
        description="Its row scopes; a row has to meet one of them."
    )
    decides: bool = strawberry.field(
        description="Whether it is one that the verdict rests on: it reaches the row, and for a "
        "field no more open rule does."
    )

    @classmethod
    def of(cls, line: Line, locale: str) -> ExplainedRule:
        conditions = [RowCondition.of(one, locale) for one in line.conditions]
        words = [one.words for one in conditions]
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
    description="A verdict of the policy with its reasons, from the code that enforces it.",
)
class AccessExplanation:
    allowed: bool = strawberry.field(
        description="Whether it may be done; without a row, whether it may be to any."
    )
    outcome: Outcome = strawberry.field(description="The verdict, and what a no comes from.")
    reason: str = strawberry.field(description="The verdict in a sentence.")
    visibility: Visibility | None = strawberry.field(
        description="How open the field is, without a row where it is most open; null: no field "
        "was asked about."
    )
    redaction: str | None = strawberry.field(
        description="Under which of the redactions of `rulebook` the field is shown: `clear`, one "
        "of the masks, or `hidden`; null: no field was asked about."
    )
    policy_version: int = strawberry.field(description="The policy version that decided.")
    until: datetime | None = strawberry.field(
        description="When something of it begins or ends by itself: the user's access, a project, a "
        "delegation, emergency access. null: it stays until somebody changes something."
    )
    rules: list[ExplainedRule] = strawberry.field(
        description="The rules that have a say: about the object, then about the field from the "
        "most open to the least. Empty: there is none."
    )

    @classmethod
    def of(cls, said: Explanation, locale: str) -> AccessExplanation:
        return cls(
            allowed=said.allowed,
            outcome=said.outcome,
            reason=_in(locale, *_OUTCOMES[said.outcome]),
            visibility=said.visibility,
            redaction=said.redaction,
            policy_version=said.version,
            until=datetime.fromtimestamp(said.until, UTC) if said.until < FOR_EVER else None,
            rules=[ExplainedRule.of(line, locale) for line in said.lines],
        )


def _by_delegation(giver: UUID | None, locale: str) -> list[str]:
    return [_in(locale, f"by delegation of {giver}", f"受 {giver} 委托")] if giver else []


def asked(object: str, action: str, field: str | None, within: str | None = None) -> Question:
    """The question, if it can be asked. Raises `BadInput`."""
    if field is not None and action != "read":
        raise BadInput(
            f"action is {action!r}; a field is only ever read: leave action or field out.",
            f"action 为 {action!r}；字段只有 read 操作，请去掉 action 或 field。",
            field="action",
        )
    return Question(object, action, field, within if action == "read" else None)


def person_after(window: Window) -> UUID | None:
    """The person after whom the page begins. Raises `BadInput`."""
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


async def one_page(found: Iterable[Explanation], window: Window) -> Page[Explanation]:
    """A page of explanations. They are worked out in a thread: of 5,000 people it may be the last
    one who may, and other requests go on meanwhile."""
    rows = await asyncio.to_thread(lambda: list(islice(found, window.first + 1)))
    people = page_of_people([one.user_id for one in rows], window)
    return Page(rows[: window.first], people.cursors, people.has_next, people.has_previous)


def page_of_people(ids: Sequence[UUID], window: Window) -> Page[UUID]:
    """The page of these people in the order of their ids; one more than asked tells of a next."""
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
