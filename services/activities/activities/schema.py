"""The GraphQL schema of activities, composed of the types of its capabilities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from activities.customers.api import Customer
from activities.follow_ups.api.extensions import CustomerFollowUps, TaskFollowUp
from activities.follow_ups.api.follow_up import FollowUp, FollowUpMutation, FollowUpQuery
from activities.handover.api import OffBoarding
from activities.notifications.api import NotificationMutation, NotificationQuery
from activities.tasks.api.customer import CustomerTasks
from activities.tasks.api.task import Task, TaskMutation
from activities.tasks.api.task_list import TaskQuery
from activities.timeline.api import CustomerTimeline, TaskEvent
from chassis.api.extension import extend
from chassis.api.schema import build


@strawberry.type(description="The queries of the graph.")
class Query(FollowUpQuery, NotificationQuery, TaskQuery):
    """All queries of activities."""


@strawberry.type(description="The mutations of the graph.")
class Mutation(FollowUpMutation, NotificationMutation, TaskMutation):
    """All mutations of activities."""


extend(Customer, CustomerTimeline, CustomerTasks, CustomerFollowUps)
extend(Task, TaskFollowUp)

schema: Schema = build(
    query=Query, mutation=Mutation, types=(Customer, FollowUp, Task, TaskEvent, OffBoarding)
)
