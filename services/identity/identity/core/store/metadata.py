"""The MetaData of this service: its own tables and the ones every service has."""

from __future__ import annotations

from sqlalchemy import MetaData

from chassis import outbox

metadata = MetaData()
outbox.tables(metadata)
