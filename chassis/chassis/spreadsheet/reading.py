"""Rows of a spreadsheet that a stranger made: CSV in any usual encoding, or XLSX.

Everything about the file is doubted: its size, what it unpacks to, how many rows, columns and cells it
claims to have, its encoding, where its header stands. Formulas are never evaluated: a cell is the text
that is in it. A number that lost digits on its way through a spreadsheet program (16 and more digits,
or 9.11E+17) comes as `LostDigits`, so that nobody takes it for what was typed.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from chassis.errors import BadInput, LimitExceeded

MEGABYTE = 1024 * 1024
HEADER_WITHIN = 20
_EXACT_DIGITS = 15  # a double keeps fifteen significant digits of any decimal number


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a file is read."""

    size: int = 32 * MEGABYTE
    unpacked: int = 256 * MEGABYTE
    rows: int = 200_000
    columns: int = 200
    cells: int = 4_000_000
    text: int = 10_000


class LostDigits(str):
    """A number whose last digits a spreadsheet program has rounded away."""

    __slots__ = ()


Cells = dict[str, str]
Grid = Iterator[tuple[int, list[str]]]


@dataclass
class Sheet:
    """The header of a sheet, and its rows as (row number as people count, {header: text})."""

    headers: tuple[str, ...]
    header_row: int
    _rows: Grid = field(repr=False)
    _positions: tuple[int, ...] = field(repr=False)

    def __iter__(self) -> Iterator[tuple[int, Cells]]:
        for number, row in self._rows:
            cells = {
                header: row[place]
                for header, place in zip(self.headers, self._positions, strict=True)
                if place < len(row) and row[place]
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
    """The first visible sheet with anything in it. `is_header` knows words that headers are made
    of. Raises `BadInput` and `LimitExceeded`; the rows raise too while they are read."""
    bounds = limits or Limits()
    if len(content) > bounds.size:
        raise _above("file", "文件大小", f"{bounds.size // MEGABYTE} MB", size=len(content))
    if not content.strip():
        raise BadInput("The file is empty.", "文件为空。", field="file")
    if content.startswith(b"PK\x03\x04"):
        grid = _workbook(content, bounds)
    elif content.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadInput(
            "This is an old .xls or an encrypted workbook; save it as .xlsx without a password.",
            "这是旧版 .xls 或加密的工作簿，请另存为不带密码的 .xlsx。",
            field="file",
        )
    else:
        grid = _text(content, bounds)
    return _with_header(_bounded(grid, bounds), is_header or (lambda _: False))


def texts(content: bytes, *, limits: Limits | None = None) -> Iterator[str]:
    """Every cell of a table, header or not, letter by letter as it is there: nothing is trimmed.
    Text that is no table comes in lines. Raises `BadInput` and `LimitExceeded`."""
    bounds = limits or Limits()
    if len(content) > bounds.size:
        raise _above("file", "文件大小", f"{bounds.size // MEGABYTE} MB", size=len(content))
    if content.startswith(b"PK\x03\x04"):
        grid = _workbook(content, bounds, str)
    else:
        grid = _text(content, bounds, str)
    for _, row in _bounded(grid, bounds):
        yield from (cell for cell in row if cell)


def _with_header(grid: Grid, is_header: Callable[[str], bool]) -> Sheet:
    """The header is the first row that is as wide as the sheet and holds only different words."""
    head = list(itertools.islice(grid, HEADER_WITHIN))
    if not head:
        raise BadInput("The file has no rows.", "文件中没有数据。", field="file")
    widest = max(_filled(row) for _, row in head)

    def fitness(index: int) -> tuple[int, bool, int]:
        row = [cell for cell in head[index][1] if cell]
        known = sum(is_header(cell) for cell in row)
        words = not any(_looks_like_data(cell) for cell in row) and len(set(row)) == len(row)
        return known, words and len(row) * 10 >= widest * 6, -index

    at = max(range(len(head)), key=fitness)
    number, row = head[at]
    placed = [place for place in range(len(row)) if row[place]]
    headers = _distinct([row[place] for place in placed])
    rest = itertools.chain(head[at + 1 :], grid)
    return Sheet(headers, number, rest, tuple(placed))


def _filled(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell)


def _looks_like_data(cell: str) -> bool:
    return bool(re.fullmatch(r"[\d\s.,:+\-/()%]+", cell)) or "@" in cell


def _distinct(headers: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    found = []
    for header in headers:
        seen[header] = seen.get(header, 0) + 1
        found.append(header if seen[header] == 1 else f"{header} ({seen[header]})")
    return tuple(found)


def _bounded(grid: Grid, limits: Limits) -> Grid:
    """The rows that hold anything, no more and no longer than allowed."""
    cells = 0
    for count, (number, row) in enumerate(grid):
        if count >= limits.rows + HEADER_WITHIN:
            raise _above("rows", "行数", limits.rows)
        if len(row) > limits.columns:
            raise _above("columns", "列数", limits.columns, row=number)
        cells += len(row)
        if cells > limits.cells:
            raise _above("cells", "单元格数", limits.cells, row=number)
        for text in row:
            if len(text) > limits.text:
                raise _above("characters in a cell", "单元格字符数", limits.text, row=number)
        if any(row):
            yield number, row


def _above(en: str, zh: str, most: int | str, **where: int) -> LimitExceeded:
    at_en = f" (row {where['row']})" if "row" in where else ""
    at_zh = f"（第 {where['row']} 行）" if "row" in where else ""
    return LimitExceeded(
        f"Too many {en}{at_en}: at most {most} are read. Split the file.",
        f"{zh}超出上限{at_zh}：最多 {most}。请拆分文件。",
        field="file",
        **where,
    )


# ── CSV ──────────────────────────────────────────────────────────────────────────────────────────

_SCIENTIFIC = re.compile(r"[+-]?\d(?:\.\d+)?E\+?(\d{2,3})", re.I)
_INVISIBLE = "\ufeff\u200b\u200c\u200d\u2060\u00a0\u3000 \t\r\n"


def _text(content: bytes, limits: Limits, cell: Callable[[str], str] | None = None) -> Grid:
    text = _decoded(content)
    if "\x00" in text:
        raise BadInput(
            "The file is neither CSV nor XLSX: it holds binary data.",
            "文件既不是 CSV 也不是 XLSX：含有二进制数据。",
            field="file",
        )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))
    number = 0
    while True:
        number += 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as problem:
            raise BadInput(
                f"Row {number} is not valid CSV: a quote is never closed, or a cell is too long.",
                f"第 {number} 行不是合法的 CSV：引号未闭合或单元格过长。",
                field="file",
            ) from problem
        yield number, [(cell or _cell)(text) for text in row]


def _decoded(content: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with one, else GB 18030, which holds GBK and GB 2312."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput(
        "The encoding is not UTF-8, UTF-16 or GBK; save the file as “CSV UTF-8”.",
        "无法识别文件编码（支持 UTF-8、UTF-16、GBK），请另存为“CSV UTF-8”。",
        field="file",
    )


def _delimiter(text: str) -> str:
    """The separator that the first lines have most of, outside of quotes."""
    head = re.sub(r'"[^"]*"', "", "\n".join(text[:20_000].splitlines()[:HEADER_WITHIN]))
    return max(",;\t|", key=head.count)


def _cell(text: str) -> str:
    clean = text.strip(_INVISIBLE)
    if clean[:1] == "'" and clean[1:2] in _FORMULA and len(clean) > 1:
        clean = clean[1:]  # what `safe` put in front
    found = _SCIENTIFIC.fullmatch(clean)
    return LostDigits(clean) if found and int(found[1]) >= 9 else clean


# ── XLSX ─────────────────────────────────────────────────────────────────────────────────────────

_MAX_PARTS = 2_000
_REFERENCE = re.compile(rb"""\br\s*=\s*["']\s*([A-Z]{0,3})([0-9]{1,10})\s*["']""")
_OVERLAP = 64


def _workbook(content: bytes, limits: Limits, cell: Callable[[str], str] | None = None) -> Grid:
    _refuse_bomb(content, limits)
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as book:
            names = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == SheetTypeEnum.WorkSheet
                and sheet.visible == SheetVisibleEnum.Visible
            ]
            for name in names:
                sheet = book.get_sheet_by_name(name)
                if sheet.start is not None:
                    first = sheet.start[0] + 1
                    rows = sheet.to_python(skip_empty_area=True)
                    break
            else:
                return
    except (CalamineError, ValueError, OSError) as problem:
        raise BadInput(
            "The workbook cannot be read; open it in a spreadsheet program and save it as .xlsx.",
            "无法读取工作簿，请用表格软件打开后另存为 .xlsx。",
            field="file",
        ) from problem
    for number, row in enumerate(rows, start=first):
        yield number, [_value(value, cell or _cell) for value in row]


def _refuse_bomb(content: bytes, limits: Limits) -> None:
    """Unpacks everything once, counting. The sizes an archive declares may be lies, and one cell far
    away makes a reader reserve every cell between: so places are looked at before any reader runs."""
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > _MAX_PARTS:
                raise _above("parts", "压缩包条目数", _MAX_PARTS)
            for part in parts:
                extent = _Extent()
                for piece in _unpacked(content, part, archive.start_dir):
                    unpacked += len(piece) - _OVERLAP
                    if unpacked > limits.unpacked:
                        raise _above("bytes", "解压后大小", f"{limits.unpacked // MEGABYTE} MB")
                    if part.filename.endswith(".xml"):
                        extent.look(piece, limits)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError) as problem:
        raise BadInput(
            "The file is a damaged or unusual archive; save it as .xlsx again.",
            "文件已损坏或压缩方式不受支持，请重新另存为 .xlsx。",
            field="file",
        ) from problem


def _unpacked(content: bytes, part: zipfile.ZipInfo, directory: int) -> Iterator[bytes]:
    """Pieces of one part, each with the end of the piece before it in front."""
    start = part.header_offset
    header = content[start : start + 30]
    if len(header) < 30 or part.flag_bits & 1:
        raise ValueError("no local header, or encrypted")
    start += 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("unusual compression")
    tail = bytes(_OVERLAP)
    if part.compress_type == zipfile.ZIP_STORED:
        for at in range(start, min(start + part.compress_size, directory), MEGABYTE):
            piece = content[at : min(at + MEGABYTE, start + part.compress_size)]
            yield tail + piece
            tail = (tail + piece)[-_OVERLAP:]
        return
    inflate = zlib.decompressobj(-15)
    # To the end of the stream, whatever size the directory claims.
    waiting = content[start:directory]
    while not inflate.eof:
        piece = inflate.decompress(waiting, MEGABYTE)
        waiting = inflate.unconsumed_tail
        if not piece and not waiting:
            raise ValueError("the stream breaks off")
        yield tail + piece
        tail = (tail + piece)[-_OVERLAP:]


@dataclass
class _Extent:
    """How far the cells of one part reach; a reader reserves the whole rectangle."""

    row: int = 0
    column: int = 1

    def look(self, piece: bytes, limits: Limits) -> None:
        for letters, digits in _REFERENCE.findall(piece):
            self.row = max(self.row, int(digits))
            if letters:
                self.column = max(self.column, _column(letters))
        if self.row > limits.rows + HEADER_WITHIN:
            raise _above("rows", "行数", limits.rows)
        if self.column > limits.columns:
            raise _above("columns", "列数", limits.columns)
        if self.row * self.column > limits.cells:
            raise _above("cells", "单元格数", limits.cells)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def _value(value: Value, cell: Callable[[str], str]) -> str:
    """A cell as the text a person would read in it."""
    if isinstance(value, str):
        return cell(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time.min
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    return str(value)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return ""
    if value == int(value):
        digits = str(int(value))
        return LostDigits(digits) if len(digits.lstrip("-")) > _EXACT_DIGITS else digits
    return repr(value)


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(text: str) -> str:
    """A cell for a file that people open in a spreadsheet program: never a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
