"""A list of values as one parameter: the statement stays the same however long the list is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, any_, bindparam
from sqlalchemy.dialects.postgresql import ARRAY


def among(column: ColumnElement[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """`column = ANY(:values)`."""
    return column == any_(bindparam(None, list(values), type_=ARRAY(column.type)))
