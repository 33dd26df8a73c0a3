"""The one MetaData of this service's database; the tables themselves are made by the migrations."""

from __future__ import annotations

from sqlalchemy import MetaData

from chassis.tables import add_chassis_tables

metadata = MetaData()
add_chassis_tables(metadata)
