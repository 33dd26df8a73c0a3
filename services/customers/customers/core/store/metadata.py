"""The MetaData of this service's database; the migrations create the tables."""

from __future__ import annotations

from sqlalchemy import MetaData

from chassis.tables import add_chassis_tables

metadata = MetaData()
add_chassis_tables(metadata)
