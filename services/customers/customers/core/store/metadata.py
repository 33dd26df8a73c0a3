"""The MetaData of this service's database; the migrations create the tables."""

from __future__ import annotations

from sqlalchemy import MetaData

from chassis import outbox

metadata = MetaData()
outbox.tables(metadata)
