"""The subgraph of activities, put together from its entities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from activities.api.activity import TaskEvent
from activities.api.customer import Customer
from activities.api.follow_up import FollowUp, FollowUpMutation, FollowUpQuery
from activities.api.notification import NotificationMutation, NotificationQuery
from activities.api.off_boarding import OffBoarding
from activities.api.task import Task, TaskMutation
from activities.api.task_list import TaskQuery
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
