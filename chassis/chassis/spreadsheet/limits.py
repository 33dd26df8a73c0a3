"""How much of a file is read, and the error of a file that exceeds it."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.errors import LimitExceeded

MEGABYTE = 1024 * 1024
HEADER_WITHIN = 20
"""The header is searched within so many rows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest file that is read: bytes, unpacked bytes, rows, columns, cells, characters."""

    size: int = 32 * MEGABYTE
    unpacked: int = 256 * MEGABYTE
    rows: int = 200_000
    columns: int = 200
    cells: int = 4_000_000
    text: int = 10_000


def too_large(en: str, zh: str, most: int | str, **details: int) -> LimitExceeded:
    """Return the error for a file with more of something than `most`, maybe in one `row`."""
    row_en = f" (row {details['row']})" if "row" in details else ""
    row_zh = f"（第 {details['row']} 行）" if "row" in details else ""
    return LimitExceeded(
        f"The file has too many {en}{row_en}; at most {most} are read. Split the file.",
        f"文件的{zh}超出上限{row_zh}：最多 {most}。请拆分文件。",
        field="file",
        **details,
    )


def refuse_larger(content: bytes, limits: Limits) -> None:
    """Raise `LimitExceeded` for a file of more bytes than allowed."""
    if len(content) > limits.size:
        most = f"{limits.size // MEGABYTE} MB"
        raise LimitExceeded(
            f"The file is larger than {most}; split the file.",
            f"文件大小超出上限：最多 {most}。请拆分文件。",
            field="file",
            size=len(content),
        )
