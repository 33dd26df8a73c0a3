"""Write the spreadsheet of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from openpyxl import Workbook

from onebox.demo.companies import HEADERS


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write an .xlsx file with a header and rows, every cell as text, and return its path."""
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
