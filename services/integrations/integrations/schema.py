"""The subgraph of integrations, put together from its entities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from chassis.api.schema import build
from integrations.customers.api import Customer
from integrations.installations.api.connector import Connector, ConnectorQuery
from integrations.installations.api.installation import (
    Installation,
    InstallationMutation,
    InstallationQuery,
)
from integrations.records.api.dead_letter import DeadLetter, DeadLetterMutation, DeadLetterQuery
from integrations.records.api.source_record import SourceRecord, SourceRecordQuery
from integrations.sync.api.preview import PreviewQuery, TestMutation
from integrations.sync.api.sync_run import SyncRun, SyncRunMutation, SyncRunQuery


@strawberry.type(description="What can be asked.")
class Query(
    ConnectorQuery,
    InstallationQuery,
    PreviewQuery,
    SyncRunQuery,
    SourceRecordQuery,
    DeadLetterQuery,
):
    pass


@strawberry.type(description="What can be done.")
class Mutation(InstallationMutation, TestMutation, SyncRunMutation, DeadLetterMutation):
    pass


schema: Schema = build(
    query=Query,
    mutation=Mutation,
    types=(Connector, Customer, DeadLetter, Installation, SourceRecord, SyncRun),
)
