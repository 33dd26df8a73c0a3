"""The subgraph of activities, put together from its entities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from activities.customers.api import Customer
from activities.follow_ups.api import FollowUp, FollowUpMutation, FollowUpQuery
from activities.handover.api import OffBoarding
from activities.notifications.api import NotificationMutation, NotificationQuery
from activities.tasks.api.task import Task, TaskMutation
from activities.tasks.api.task_list import TaskQuery
from activities.timeline.api import TaskEvent
from chassis.api.schema import build


@strawberry.type(description="What can be asked.")
class Query(FollowUpQuery, NotificationQuery, TaskQuery):
    pass


@strawberry.type(description="What can be done.")
class Mutation(FollowUpMutation, NotificationMutation, TaskMutation):
    pass


schema: Schema = build(
    query=Query, mutation=Mutation, types=(Customer, FollowUp, Task, TaskEvent, OffBoarding)
)
