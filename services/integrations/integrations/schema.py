"""The subgraph of integrations, put together from its capabilities."""

from __future__ import annotations

import strawberry
from strawberry.federation import Schema

from chassis.api.extension import extend
from chassis.api.schema import build
from integrations.access.api import Customer
from integrations.customers.api import CustomerSyncStateField
from integrations.installations.api.connector import Connector, ConnectorQuery
from integrations.installations.api.installation import Installation, InstallationQuery
from integrations.installations.api.set_up import InstallationMutation
from integrations.records.api.dead_letter import (
    DeadLetter,
    DeadLetterQuery,
    InstallationDeadLetters,
)
from integrations.records.api.source_record import (
    CustomerSourceRecords,
    SourceRecord,
    SourceRecordQuery,
)
from integrations.sync.api.dead_letter_retry import DeadLetterMutation
from integrations.sync.api.preview import PreviewQuery, TestMutation
from integrations.sync.api.sync_run import (
    InstallationRuns,
    SourceRecordRun,
    SyncRun,
    SyncRunQuery,
)
from integrations.sync.api.sync_run_mutation import SyncRunMutation

extend(Customer, CustomerSyncStateField, CustomerSourceRecords)
extend(Installation, InstallationRuns, InstallationDeadLetters)
extend(SourceRecord, SourceRecordRun)


@strawberry.type(description="The queries of this subgraph.")
class Query(
    ConnectorQuery,
    InstallationQuery,
    PreviewQuery,
    SyncRunQuery,
    SourceRecordQuery,
    DeadLetterQuery,
):
    """All queries."""


@strawberry.type(description="The mutations of this subgraph.")
class Mutation(InstallationMutation, TestMutation, SyncRunMutation, DeadLetterMutation):
    """All mutations."""


schema: Schema = build(
    query=Query,
    mutation=Mutation,
    types=(Connector, Customer, DeadLetter, Installation, SourceRecord, SyncRun),
)
