"""The subgraph of identity, composed of the queries and mutations of its capabilities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from chassis.api.schema import build
from identity.directory.api.api_client import ApiClientMutation, ApiClientQuery
from identity.directory.api.directory_group import DirectoryGroupMutation, DirectoryGroupQuery
from identity.ledger.api.access_alert import AccessAlertMutation, AccessAlertQuery
from identity.ledger.api.alert_rule import AlertRuleMutation, AlertRuleQuery
from identity.ledger.api.audit_event import AuditEventQuery
from identity.lifecycle.api.account import AccountMutation
from identity.lifecycle.api.off_boarding import OffBoarding, OffBoardingMutation, OffBoardingQuery
from identity.people.api.department import DepartmentMutation, DepartmentQuery
from identity.people.api.project import Project, ProjectMutation, ProjectQuery
from identity.people.api.role import RoleMutation, RoleQuery
from identity.people.api.types import Department, User
from identity.people.api.user import UserMutation, UserQuery
from identity.policy.api.access import AccessQuery
from identity.policy.api.changeset import Changeset, ChangesetQuery
from identity.policy.api.changeset_mutation import ChangesetMutation
from identity.policy.api.rule import RuleMutation, RuleQuery
from identity.review.api.access_review_mutation import AccessReviewMutation
from identity.review.api.access_review_query import AccessReviewQuery
from identity.sign_in.api.passkey import PasskeyMutation, PasskeyQuery
from identity.sign_in.api.password_reset import PasswordResetMutation
from identity.sign_in.api.provider import ProviderMutation, ProviderQuery
from identity.sign_in.api.second_factor import SecondFactorMutation, SecondFactorQuery
from identity.sign_in.api.session import SessionMutation, SessionQuery
from identity.sign_in.api.sign_in import SignInMutation
from identity.sign_in.api.sign_in_link import SignInLinkMutation, SignInLinkQuery
from identity.temporary.api.delegation import DelegationMutation, DelegationQuery
from identity.temporary.api.emergency_access import EmergencyAccessMutation, EmergencyAccessQuery


@strawberry.type(description="The queries of identity.")
class Query(
    UserQuery,
    DepartmentQuery,
    RoleQuery,
    RuleQuery,
    ChangesetQuery,
    AccessQuery,
    AccessReviewQuery,
    SessionQuery,
    AuditEventQuery,
    AccessAlertQuery,
    AlertRuleQuery,
    ApiClientQuery,
    DirectoryGroupQuery,
    SecondFactorQuery,
    PasskeyQuery,
    ProviderQuery,
    SignInLinkQuery,
    ProjectQuery,
    DelegationQuery,
    EmergencyAccessQuery,
    OffBoardingQuery,
):
    """All queries."""


@strawberry.type(description="The mutations of identity.")
class Mutation(
    SignInMutation,
    PasswordResetMutation,
    SessionMutation,
    AccountMutation,
    UserMutation,
    DepartmentMutation,
    RoleMutation,
    RuleMutation,
    ChangesetMutation,
    AccessReviewMutation,
    ApiClientMutation,
    AccessAlertMutation,
    AlertRuleMutation,
    DirectoryGroupMutation,
    SecondFactorMutation,
    PasskeyMutation,
    ProviderMutation,
    SignInLinkMutation,
    ProjectMutation,
    DelegationMutation,
    EmergencyAccessMutation,
    OffBoardingMutation,
):
    """All mutations."""


schema: Schema = build(
    query=Query, mutation=Mutation, types=(User, Department, Changeset, Project, OffBoarding)
)
