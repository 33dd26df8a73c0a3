"""The SQLAlchemy metadata of this service: its own tables and the chassis'."""

from __future__ import annotations

from sqlalchemy import MetaData

from chassis.tables import add_chassis_tables

metadata = MetaData()
add_chassis_tables(metadata)
