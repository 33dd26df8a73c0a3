"""The subgraph of identity, put together from its entities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from chassis.api.schema import build
from identity.api.access import AccessQuery
from identity.api.access_alert import AccessAlertMutation, AccessAlertQuery
from identity.api.access_review import AccessReviewQuery
from identity.api.access_review_mutation import AccessReviewMutation
from identity.api.alert_rule import AlertRuleMutation, AlertRuleQuery
from identity.api.api_client import ApiClientMutation, ApiClientQuery
from identity.api.audit_event import AuditEventQuery
from identity.api.changeset import Changeset, ChangesetMutation, ChangesetQuery
from identity.api.delegation import DelegationMutation, DelegationQuery
from identity.api.department import Department, DepartmentMutation, DepartmentQuery
from identity.api.directory_group import DirectoryGroupMutation, DirectoryGroupQuery
from identity.api.emergency_access import EmergencyAccessMutation, EmergencyAccessQuery
from identity.api.off_boarding import OffBoarding, OffBoardingMutation, OffBoardingQuery
from identity.api.passkey import PasskeyMutation, PasskeyQuery
from identity.api.password_reset import PasswordResetMutation
from identity.api.project import Project, ProjectMutation, ProjectQuery
from identity.api.provider import ProviderMutation, ProviderQuery
from identity.api.role import RoleMutation, RoleQuery
from identity.api.rule import RuleMutation, RuleQuery
from identity.api.second_factor import SecondFactorMutation, SecondFactorQuery
from identity.api.session import SessionMutation, SessionQuery
from identity.api.sign_in_link import SignInLinkMutation, SignInLinkQuery
from identity.api.signing import SigningMutation
from identity.api.user import User, UserMutation, UserQuery


@strawberry.type(description="What can be asked.")
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
    pass


@strawberry.type(description="What can be done.")
class Mutation(
    SigningMutation,
    PasswordResetMutation,
    SessionMutation,
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
    pass


schema: Schema = build(
    query=Query, mutation=Mutation, types=(User, Department, Changeset, Project, OffBoarding)
)
