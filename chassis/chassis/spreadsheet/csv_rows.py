"""The rows of a CSV file in any usual encoding and with any usual delimiter."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator

from chassis.errors import BadInput
from chassis.spreadsheet.limits import HEADER_WITHIN


def csv_rows(content: bytes, convert: Callable[[str], str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its number, counted from 1. Raise `BadInput`."""
    text = _decoded(content)
    if "\x00" in text:
        raise BadInput(
            "The file contains binary data; upload CSV or XLSX.",
            "文件含有二进制数据，请上传 CSV 或 XLSX 文件。",
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
        yield number, [convert(cell) for cell in row]


def _decoded(content: bytes) -> str:
    """Decode UTF-16 with a byte order mark, else UTF-8, else GB 18030 (includes GBK, GB 2312)."""
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
        "The encoding of the file is not UTF-8, UTF-16 or GBK; save the file as “CSV UTF-8”.",
        "无法识别文件编码（支持 UTF-8、UTF-16、GBK），请另存为“CSV UTF-8”。",
        field="file",
    )


def _delimiter(text: str) -> str:
    """Return the delimiter that is most frequent in the first lines, outside of quotes."""
    head = re.sub(r'"[^"]*"', "", "\n".join(text[:20_000].splitlines()[:HEADER_WITHIN]))
    return max(",;\t|", key=head.count)
