"""The one MetaData of this service's database; the tables themselves are made by the migrations."""

from __future__ import annotations

from sqlalchemy import MetaData

from chassis import outbox

metadata = MetaData()
outbox.tables(metadata)
