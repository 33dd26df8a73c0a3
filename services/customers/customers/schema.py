"""The subgraph of customers, put together from its entities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from chassis.api.schema import build
from customers.exports.api.customer_export_mutation import CustomerExportMutation
from customers.exports.api.customer_export_query import CustomerExportQuery
from customers.exports.api.leak import LeakMutation
from customers.handover.api import OffBoarding
from customers.imports.api.import_mutation import ImportMutation, ImportQuery
from customers.policy_preview.api import Changeset
from customers.pool.api.absorb import AbsorbMutation
from customers.pool.api.access import AccessQuery
from customers.pool.api.contact import ContactMutation
from customers.pool.api.customer import Contact, Customer, MergeEvent
from customers.pool.api.customer_mutation import CustomerMutation
from customers.pool.api.customer_query import CustomerQuery
from customers.pool.api.match import MatchCandidate, MatchMutation, MatchQuery
from customers.pool.api.merge import MergeMutation
from customers.pool.api.survivorship import SurvivorshipMutation, SurvivorshipQuery
from customers.pool.api.tag import Tag, TagMutation, TagQuery
from customers.projects.api import ProjectMutation
from customers.totals.api import TotalsQuery


@strawberry.type(description="The queries of this graph.")
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
    """All queries of customers."""


@strawberry.type(description="The mutations of this graph.")
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
    """All mutations of customers."""


schema: Schema = build(
    query=Query,
    mutation=Mutation,
    types=(Customer, Contact, Tag, MatchCandidate, MergeEvent, Changeset, OffBoarding),
)
