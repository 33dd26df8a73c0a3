"""The SQLAlchemy metadata that all tables of this service share."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
