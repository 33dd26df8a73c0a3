"""The ids of this service: all are UUIDs, and each has a type of its own."""

from __future__ import annotations

from typing import NewType
from uuid import UUID

CustomerId = NewType("CustomerId", UUID)
FollowUpId = NewType("FollowUpId", UUID)
TaskId = NewType("TaskId", UUID)
NotificationId = NewType("NotificationId", UUID)
TaskEventId = NewType("TaskEventId", UUID)
UserId = NewType("UserId", UUID)
