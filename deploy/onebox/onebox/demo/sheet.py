"""Writes the spreadsheet that a colleague would have kept by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook

from onebox.demo.companies import HEADERS


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """An .xlsx with a header and these rows, every cell as text."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "客户"
    sheet.append(list(HEADERS))
    for row in rows:
        sheet.append(list(row))
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)
    return path
