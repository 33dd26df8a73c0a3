"""The subgraph of customers, put together from its entities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from chassis.api.schema import build
from customers.api.absorb import AbsorbMutation
from customers.api.access import AccessQuery
from customers.api.changeset import Changeset
from customers.api.contact import Contact, ContactMutation
from customers.api.customer import Customer
from customers.api.customer_export import CustomerExportMutation, CustomerExportQuery
from customers.api.customer_mutation import CustomerMutation
from customers.api.customer_query import CustomerQuery
from customers.api.import_job import ImportMutation, ImportQuery
from customers.api.leak import LeakMutation
from customers.api.match import MatchCandidate, MatchMutation, MatchQuery
from customers.api.merge import MergeEvent, MergeMutation
from customers.api.off_boarding import OffBoarding
from customers.api.project import ProjectMutation
from customers.api.survivorship import SurvivorshipMutation, SurvivorshipQuery
from customers.api.tag import Tag, TagMutation, TagQuery
from customers.api.totals import TotalsQuery


@strawberry.type(description="What can be asked.")
class Query(
    CustomerQuery,
    AccessQuery,
    ImportQuery,
    CustomerExportQuery,
    MatchQuery,
    SurvivorshipQuery,
    TagQuery,
    TotalsQuery,
):
    pass


@strawberry.type(description="What can be done.")
class Mutation(
    CustomerMutation,
    ContactMutation,
    TagMutation,
    MatchMutation,
    MergeMutation,
    SurvivorshipMutation,
    ImportMutation,
    CustomerExportMutation,
    LeakMutation,
    AbsorbMutation,
    ProjectMutation,
):
    pass


schema: Schema = build(
    query=Query,
    mutation=Mutation,
    types=(Customer, Contact, Tag, MatchCandidate, MergeEvent, Changeset, OffBoarding),
)
