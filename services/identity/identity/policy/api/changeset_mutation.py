"""Mutations of changesets: draft, review, publish, roll back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import strawberry

from chassis.api.context import Info
from chassis.api.problems import answers
from chassis.api.rights import right
from identity.core.api.arguments import IdempotencyKey
from identity.core.api.ids import maybe_uuid, uuid
from identity.core.domain.ids import ChangesetId, RuleId
from identity.policy.api.changeset import Changeset, ChangesetIdArgument, ChangesetPayload
from identity.policy.api.rule import RuleInput
from identity.policy.commands import changeset_draft, changeset_review, publication
from identity.policy.commands.changeset_draft import RuleEdit
from identity.policy.domain.changeset import MOST_CHANGES, refuse_wrong_size
from identity.policy.domain.field_path import within
from identity.policy.store import changeset as store
from identity.settings import IdentitySettings

ChangesetVersion = Annotated[
    int,
    strawberry.argument(description="The changeset's `version` as you read it; else CONFLICT."),
]


@strawberry.input(
    description="An edit of one rule. Only `rule`: it is added. Only `ruleId`: that rule is "
    "removed. Both: that rule is replaced."
)
class RuleChangeInput:
    """An edit of one rule."""

    rule_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the rule to replace or remove."
    )
    rule: RuleInput | None = strawberry.field(
        default=None, description="The rule to add, or the replacement."
    )

    def edit(self) -> RuleEdit:
        """Return the edit with checked values. Raises `BadInput`."""
        id = maybe_uuid(self.rule_id, "ruleId")
        if self.rule is None:
            return RuleEdit(RuleId(id) if id else None, None)
        with within("rule"):
            return RuleEdit(RuleId(id) if id else None, self.rule.rule())


Changes = Annotated[
    list[RuleChangeInput],
    strawberry.argument(description=f"The edits of rules, 1 to {MOST_CHANGES}."),
]
Title = Annotated[str, strawberry.argument(description="The title, at most 200 characters.")]
Reason = Annotated[str, strawberry.argument(description="The reason, at most 1000 characters.")]


def _edits(changes: Sequence[RuleChangeInput]) -> list[RuleEdit]:
    refuse_wrong_size(changes)
    edits = []
    for index, change in enumerate(changes):
        with within(f"changes.{index}"):
            edits.append(change.edit())
    return edits


@strawberry.type
class ChangesetMutation:
    """Mutations of changesets."""

    @strawberry.mutation(
        description="Draft changes of the policy; nothing is in force yet. Every rule is checked "
        "against the rulebook.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def create_changeset(
        self,
        info: Info,
        title: Title,
        changes: Changes,
        reason: Reason = "",
        idempotency_key: IdempotencyKey = None,
    ) -> ChangesetPayload:
        """Draft changes of the policy; nothing is in force yet."""
        scope = info.context.scope("Rule", "update")
        id = await info.context.write(
            changeset_draft.create_changeset,
            scope,
            title,
            reason,
            _edits(changes),
            idempotency_key,
        )
        return await _answer(info, id)

    @strawberry.mutation(
        description="Draft a changeset that turns the rules into those of a Casbin CSV, as "
        "`policyCsv` writes it. Nothing is in force before it is published.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def import_policy(
        self,
        info: Info,
        csv: Annotated[
            str,
            strawberry.argument(
                description="Lines `p, subject, object, action, rows, redaction, effect`, at most "
                "1,000,000 characters. Lines `g` between roles must agree with the roles here; "
                "lines `g` of users are ignored."
            ),
        ],
        title: Title = "Import of a policy",
        reason: Reason = "",
        replace: Annotated[
            bool,
            strawberry.argument(
                description="true: rules that the file does not have are removed; false: rules are "
                "only added."
            ),
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> ChangesetPayload:
        """Draft a changeset from a Casbin CSV."""
        changed_id = await info.context.write(
            changeset_draft.import_policy,
            info.context.scope("Rule", "update"),
            title,
            reason,
            csv,
            replace=replace,
            key=idempotency_key,
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Change a changeset that is not published. It is a draft again, and you are "
        "its author.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def update_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        expected_version: ChangesetVersion,
        title: Annotated[
            str | None, strawberry.argument(description="The title; left out, it stays.")
        ] = None,
        reason: Annotated[
            str | None, strawberry.argument(description="The reason; left out, it stays.")
        ] = None,
        changes: Annotated[
            list[RuleChangeInput] | None,
            strawberry.argument(description="All edits of rules; left out, they stay."),
        ] = None,
    ) -> ChangesetPayload:
        """Change a changeset that is not published."""
        changed_id = await info.context.write(
            changeset_draft.update_changeset,
            info.context.scope("Rule", "update"),
            ChangesetId(uuid(id, "id")),
            title=title,
            reason=reason,
            edits=_edits(changes) if changes is not None else None,
            expected=expected_version,
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Put a draft into review by a second person.", metadata=right("Rule", "update")
    )
    @answers(ChangesetPayload)
    async def submit_changeset(
        self, info: Info, id: ChangesetIdArgument, expected_version: ChangesetVersion
    ) -> ChangesetPayload:
        """Put a draft into review by a second person."""
        scope = info.context.scope("Rule", "update")
        changed_id = await info.context.write(
            changeset_review.submit_changeset, scope, ChangesetId(uuid(id, "id")), expected_version
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Approve a changeset in review, so that it may be published. FORBIDDEN for its "
        "author.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def approve_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        expected_version: ChangesetVersion,
        note: Annotated[str, strawberry.argument(description="A note of the reviewer.")] = "",
    ) -> ChangesetPayload:
        """Approve a changeset in review, so that it may be published."""
        return await _review(info, id, expected_version, approve=True, note=note)

    @strawberry.mutation(
        description="Return a changeset in review to its author. FORBIDDEN for its author.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def return_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        expected_version: ChangesetVersion,
        note: Annotated[str, strawberry.argument(description="A note that says what to change.")],
    ) -> ChangesetPayload:
        """Return a changeset in review to its author."""
        return await _review(info, id, expected_version, approve=False, note=note)

    @strawberry.mutation(
        description="Publish a changeset as one policy version, in force in every service within "
        "one second. Without mandatory review a draft can be published; one in review needs "
        "approval. CONFLICT if a rule that it changes was changed meanwhile.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def publish_changeset(
        self, info: Info, id: ChangesetIdArgument, expected_version: ChangesetVersion
    ) -> ChangesetPayload:
        """Publish a changeset as one policy version."""
        changed_id = await info.context.write(
            publication.publish_changeset,
            info.context.scope("Rule", "update"),
            ChangesetId(uuid(id, "id")),
            expected_version,
            review=_requires_review(info),
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Discard a changeset that is not published; it stays on record.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def discard_changeset(
        self, info: Info, id: ChangesetIdArgument, expected_version: ChangesetVersion
    ) -> ChangesetPayload:
        """Discard a changeset that is not published; it stays on record."""
        scope = info.context.scope("Rule", "update")
        changed_id = await info.context.write(
            changeset_review.discard_changeset, scope, ChangesetId(uuid(id, "id")), expected_version
        )
        return await _answer(info, changed_id)

    @strawberry.mutation(
        description="Draft a changeset that restores the rules from before a published one. "
        "CONFLICT if one of them was changed since.",
        metadata=right("Rule", "update"),
    )
    @answers(ChangesetPayload)
    async def roll_back_changeset(
        self,
        info: Info,
        id: ChangesetIdArgument,
        reason: Reason = "",
        publish: Annotated[
            bool,
            strawberry.argument(
                description="true: publish it at once; FORBIDDEN where changes are reviewed."
            ),
        ] = False,
        idempotency_key: IdempotencyKey = None,
    ) -> ChangesetPayload:
        """Draft a changeset that restores the rules from before a published one."""
        changed_id = await info.context.write(
            publication.roll_back_changeset,
            info.context.scope("Rule", "update"),
            ChangesetId(uuid(id, "id")),
            reason,
            publish=publish,
            review=_requires_review(info),
            key=idempotency_key,
        )
        return await _answer(info, changed_id)


async def _review(
    info: Info, id: str, expected: int, *, approve: bool, note: str
) -> ChangesetPayload:
    changed_id = await info.context.write(
        changeset_review.review_changeset,
        info.context.scope("Rule", "update"),
        ChangesetId(uuid(id, "id")),
        expected,
        approve=approve,
        note=note,
    )
    return await _answer(info, changed_id)


def _requires_review(info: Info) -> bool:
    return info.context.resource(IdentitySettings).policy_review


async def _answer(info: Info, id: ChangesetId) -> ChangesetPayload:
    [row] = await info.context.read(store.by_ids, info.context.scope("Rule"), [id])
    return ChangesetPayload(changeset=Changeset.of(row) if row else None)
