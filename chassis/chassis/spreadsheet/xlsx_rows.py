"""The rows of an XLSX workbook, unpacked within limits before a reader opens it."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from chassis.errors import BadInput
from chassis.spreadsheet.cells import text_of
from chassis.spreadsheet.limits import HEADER_WITHIN, MEGABYTE, Limits, too_large

_MAX_PARTS = 2_000
_REFERENCE = re.compile(rb"""\br\s*=\s*["']\s*([A-Z]{0,3})([0-9]{1,10})\s*["']""")
_OVERLAP = 64


def xlsx_rows(
    content: bytes, limits: Limits, convert: Callable[[str], str]
) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of the first visible sheet that is not empty, with its number.

    Rows are numbered as in a spreadsheet program. Raise `BadInput` and `LimitExceeded`.
    """
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
        yield number, [text_of(value, convert) for value in row]


def _refuse_bomb(content: bytes, limits: Limits) -> None:
    """Unpack everything once, counting, and raise for an archive that exceeds the limits.

    The sizes an archive declares may be false, and one cell far away makes a reader reserve every
    cell between: so cell references are inspected before any reader runs.
    """
    unpacked = 0
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > _MAX_PARTS:
                raise too_large("parts", "压缩包条目数", _MAX_PARTS)
            for part in parts:
                extent = _Extent()
                for piece in _unpacked(content, part, archive.start_dir):
                    unpacked += len(piece) - _OVERLAP
                    if unpacked > limits.unpacked:
                        most = f"{limits.unpacked // MEGABYTE} MB"
                        raise too_large("unpacked bytes", "解压后大小", most)
                    if part.filename.endswith(".xml"):
                        extent.include(piece, limits)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError) as problem:
        raise BadInput(
            "The file is damaged or packed in an unsupported way; save it as .xlsx again.",
            "文件已损坏或压缩方式不受支持，请重新另存为 .xlsx。",
            field="file",
        ) from problem


def _unpacked(content: bytes, part: zipfile.ZipInfo, directory: int) -> Iterator[bytes]:
    """Yield pieces of one part, each preceded by the end of the piece before it."""
    start = part.header_offset
    header = content[start : start + 30]
    if len(header) < 30 or part.flag_bits & 1:
        raise ValueError("no local header, or encrypted")
    start += 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("unsupported compression")
    tail = bytes(_OVERLAP)
    if part.compress_type == zipfile.ZIP_STORED:
        for at in range(start, min(start + part.compress_size, directory), MEGABYTE):
            piece = content[at : min(at + MEGABYTE, start + part.compress_size)]
            yield tail + piece
            tail = (tail + piece)[-_OVERLAP:]
        return
    inflate = zlib.decompressobj(-15)
    # To the end of the stream, whatever size the directory claims.
    rest = content[start:directory]
    while not inflate.eof:
        piece = inflate.decompress(rest, MEGABYTE)
        rest = inflate.unconsumed_tail
        if not piece and not rest:
            raise ValueError("the stream is truncated")
        yield tail + piece
        tail = (tail + piece)[-_OVERLAP:]


@dataclass
class _Extent:
    """How far the cells of one part reach; a reader reserves the whole rectangle."""

    row: int = 0
    column: int = 1

    def include(self, piece: bytes, limits: Limits) -> None:
        for letters, digits in _REFERENCE.findall(piece):
            self.row = max(self.row, int(digits))
            if letters:
                self.column = max(self.column, _column(letters))
        if self.row > limits.rows + HEADER_WITHIN:
            raise too_large("rows", "行数", limits.rows)
        if self.column > limits.columns:
            raise too_large("columns", "列数", limits.columns)
        if self.row * self.column > limits.cells:
            raise too_large("cells", "单元格数", limits.cells)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
