"""The ids of this service: all are UUIDs, each with a type of its own."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

AccessReviewId = NewType("AccessReviewId", UUID)
AccessReviewItemId = NewType("AccessReviewItemId", UUID)
AccessAlertId = NewType("AccessAlertId", UUID)
ApiClientId = NewType("ApiClientId", UUID)
AuditEventId = NewType("AuditEventId", UUID)
ChangesetId = NewType("ChangesetId", UUID)
DepartmentId = NewType("DepartmentId", UUID)
DelegationId = NewType("DelegationId", UUID)
DirectoryGroupId = NewType("DirectoryGroupId", UUID)
PasskeyId = NewType("PasskeyId", UUID)
ProviderId = NewType("ProviderId", UUID)
EmergencyAccessId = NewType("EmergencyAccessId", UUID)
ProjectId = NewType("ProjectId", UUID)
RoleId = NewType("RoleId", UUID)
RuleId = NewType("RuleId", UUID)
SessionId = NewType("SessionId", UUID)
SignInLinkId = NewType("SignInLinkId", UUID)
UserId = NewType("UserId", UUID)
