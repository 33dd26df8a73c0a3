"""Read the rows of a spreadsheet from an untrusted source: CSV in any usual encoding, or XLSX.

No property of the file is trusted: its size, what it unpacks to, how many rows, columns and cells
it claims to have, its encoding, the place of its header.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from chassis.errors import BadInput
from chassis.spreadsheet.cells import trimmed
from chassis.spreadsheet.csv_rows import csv_rows
from chassis.spreadsheet.limits import HEADER_WITHIN, Limits, refuse_larger, too_large
from chassis.spreadsheet.xlsx_rows import xlsx_rows

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0"

Cells = dict[str, str]
Grid = Iterator[tuple[int, list[str]]]


@dataclass
class Sheet:
    """The header of a sheet, and its rows as (row number counted from 1, {header: text})."""

    headers: tuple[str, ...]
    header_row: int
    _rows: Grid = field(repr=False)
    _positions: tuple[int, ...] = field(repr=False)

    def __iter__(self) -> Iterator[tuple[int, Cells]]:
        """Yield each row that is not empty. Raise `BadInput` and `LimitExceeded`."""
        for number, row in self._rows:
            cells = {
                header: row[position]
                for header, position in zip(self.headers, self._positions, strict=True)
                if position < len(row) and row[position]
            }
            if cells:
                yield number, cells


def read(
    content: bytes,
    file_name: str = "",
    *,
    limits: Limits | None = None,
    is_header: Callable[[str], bool] | None = None,
) -> Sheet:
    """Return the first visible sheet that is not empty.

    `is_header` recognises words of a header. Raise `BadInput` and `LimitExceeded`; the rows raise
    too while they are read.
    """
    limits = limits or Limits()
    refuse_larger(content, limits)
    if not content.strip():
        raise BadInput(
            "The file is empty; upload a file with a header and rows.",
            "文件为空，请上传包含表头和数据的文件。",
            field="file",
        )
    if content.startswith(_OLE):
        raise BadInput(
            "The file is an old .xls or an encrypted workbook; save it as .xlsx without a "
            "password.",
            "这是旧版 .xls 或加密的工作簿，请另存为不带密码的 .xlsx。",
            field="file",
        )
    return _with_header(_rows(content, limits, trimmed), is_header or (lambda _: False))


def texts(content: bytes, *, limits: Limits | None = None) -> Iterator[str]:
    """Yield every cell of a table, header or not, exactly as it is: nothing is trimmed.

    Text that is no table is yielded by lines. Raise `BadInput` and `LimitExceeded`.
    """
    limits = limits or Limits()
    refuse_larger(content, limits)
    for _, row in _rows(content, limits, str):
        yield from (cell for cell in row if cell)


def _rows(content: bytes, limits: Limits, convert: Callable[[str], str]) -> Grid:
    if content.startswith(_ZIP):
        return _bounded(xlsx_rows(content, limits, convert), limits)
    return _bounded(csv_rows(content, convert), limits)


def _with_header(grid: Grid, is_header: Callable[[str], bool]) -> Sheet:
    """Return the sheet whose header is the row that looks most like one.

    That is the row with the most known words; else the first one that is about as wide as the
    sheet and holds only different words.
    """
    head = list(itertools.islice(grid, HEADER_WITHIN))
    if not head:
        raise BadInput(
            "The file has no rows; upload a file with a header and rows.",
            "文件中没有数据，请上传包含表头和数据的文件。",
            field="file",
        )
    widest = max(_filled(row) for _, row in head)

    def fitness(index: int) -> tuple[int, bool, int]:
        row = [cell for cell in head[index][1] if cell]
        matches = sum(is_header(cell) for cell in row)
        words = not any(_looks_like_data(cell) for cell in row) and len(set(row)) == len(row)
        return matches, words and len(row) * 10 >= widest * 6, -index

    best = max(range(len(head)), key=fitness)
    number, row = head[best]
    positions = [position for position in range(len(row)) if row[position]]
    headers = _distinct([row[position] for position in positions])
    rest = itertools.chain(head[best + 1 :], grid)
    return Sheet(headers, number, rest, tuple(positions))


def _filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell)


def _looks_like_data(cell: str) -> bool:
    return bool(re.fullmatch(r"[\d\s.,:+\-/()%]+", cell)) or "@" in cell


def _distinct(headers: Sequence[str]) -> tuple[str, ...]:
    """Return the headers with numbers for repeated ones: `Name`, `Name (2)`."""
    counts: dict[str, int] = {}
    distinct = []
    for header in headers:
        counts[header] = counts.get(header, 0) + 1
        distinct.append(header if counts[header] == 1 else f"{header} ({counts[header]})")
    return tuple(distinct)


def _bounded(grid: Grid, limits: Limits) -> Grid:
    """Yield the rows that are not empty. Raise `LimitExceeded`."""
    cells = 0
    for count, (number, row) in enumerate(grid):
        if count >= limits.rows + HEADER_WITHIN:
            raise too_large("rows", "行数", limits.rows)
        if len(row) > limits.columns:
            raise too_large("columns", "列数", limits.columns, row=number)
        cells += len(row)
        if cells > limits.cells:
            raise too_large("cells", "单元格数", limits.cells, row=number)
        for text in row:
            if len(text) > limits.text:
                raise too_large("characters in a cell", "单元格字符数", limits.text, row=number)
        if any(row):
            yield number, row
