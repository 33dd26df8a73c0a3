"""Files of strangers: read as text, bounded, and never believed."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from typing import Any

import pytest
from openpyxl import Workbook

from chassis.errors import BadInput, HuichiError, LimitExceeded
from chassis.spreadsheet import reading as spreadsheet
from chassis.spreadsheet.cells import LostDigits, escape_formula
from chassis.spreadsheet.limits import MEGABYTE, Limits

A_DAY = dt.datetime(2026, 1, 2)  # noqa: DTZ001  # cells know no time zone


def read(content: bytes | str, **more) -> list[tuple[int, dict[str, str]]]:  # type: ignore[no-untyped-def]
    raw = content.encode() if isinstance(content, str) else content
    return list(spreadsheet.read(raw, **more))


def a_workbook(*rows: tuple[Any, ...], start: int = 1) -> bytes:
    book = Workbook()
    for at, row in enumerate(rows, start=start):
        for place, value in enumerate(row, start=1):
            book.worksheets[0].cell(at, place, value)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_reads_the_usual_encodings(encoding: str) -> None:
    assert read("名称,电话\n华宁,010-1\n".encode(encoding)) == [
        (2, {"名称": "华宁", "电话": "010-1"})
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_finds_the_delimiter(delimiter: str) -> None:
    assert read(f'a{delimiter}b\n"1,;x"{delimiter}2\n') == [(2, {"a": "1,;x", "b": "2"})]


def test_finds_the_header_below_a_title_and_counts_rows_as_people_do() -> None:
    text = "2026 年名单,,\n,,\n名称,电话,地区\n华宁,1,北京\n\n恒通,2,\n"

    found = spreadsheet.read(text.encode())

    assert (found.headers, found.header_row) == (("名称", "电话", "地区"), 3)
    assert list(found) == [
        (4, {"名称": "华宁", "电话": "1", "地区": "北京"}),
        (6, {"名称": "恒通", "电话": "2"}),
    ]


def test_known_words_beat_looks() -> None:
    text = "说明一,说明二\nname,phone\nAcme,1\n"

    assert spreadsheet.read(text.encode(), is_header={"name", "phone"}.__contains__).header_row == 2


def test_the_same_header_twice_stays_two_columns() -> None:
    assert read("电话,电话\n1,2\n") == [(2, {"电话": "1", "电话 (2)": "2"})]


def test_cells_of_a_workbook_are_the_text_people_see() -> None:
    made = a_workbook(
        ("a", "b", "c", "d", "e"),
        (13800001111, 1.5, A_DAY, True, "  x\u3000"),
    )

    assert read(made) == [
        (2, {"a": "13800001111", "b": "1.5", "c": "2026-01-02", "d": "TRUE", "e": "x"})
    ]


def test_rows_above_the_table_count() -> None:
    assert read(a_workbook(("a", "b"), ("1", "2"), start=5)) == [(6, {"a": "1", "b": "2"})]


def test_numbers_that_lost_digits_are_marked() -> None:
    [(_, cells)] = read(a_workbook(("a", "b"), (911101081234567890, 123456789012345)))
    [(_, text)] = read("a,b\n9.11101E+17,1.5E+2\n")

    assert [type(v) for v in cells.values()] == [LostDigits, str]
    assert [type(v) for v in text.values()] == [LostDigits, str]


def test_a_formula_is_text_and_never_evaluated() -> None:
    assert read('a\n"=1+1"\n') == [(2, {"a": "=1+1"})]
    assert read(a_workbook(("a", "b"), ("=1+1", "x"))) == [(2, {"b": "x"})]


@pytest.mark.parametrize("text", ["=1+1", "+86", "-1", "@SUM(A1)", "\tx"])
def test_what_would_be_a_formula_is_written_as_text(text: str) -> None:
    assert escape_formula(text) == "'" + text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b"\xd0\xcf\x11\xe0rest", "old .xls"),
        (b"PK\x03\x04 broken", "damaged"),
        (b"a,b\n1,\x00", "binary"),
        (b"a\n\xff\xff\xff\n", "encoding"),
        (b'a\n"never closed' + b"x" * 200_000, "never closed"),
    ],
)
def test_says_what_is_wrong_with_a_file(content: bytes, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read(content)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (Limits(size=10), "file"),
        (Limits(rows=1), "rows"),
        (Limits(columns=1), "columns"),
        (Limits(cells=30), "cells"),
        (Limits(text=3), "characters in a cell"),
    ],
)
def test_reads_no_more_than_the_limits(limits: Limits, says: str) -> None:
    with pytest.raises(LimitExceeded, match=says):
        read("a,b\n" + "1,2345\n" * 40, limits=limits)


def a_zip(**parts: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(f"xl/{name}.xml", content)
    return target.getvalue()


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    bomb = a_zip(sheet=bytes(20 * MEGABYTE))
    assert len(bomb) < 100_000

    with pytest.raises(LimitExceeded, match="8 MB"):
        read(bomb, limits=Limits(unpacked=8 * MEGABYTE))


def test_an_archive_that_lies_about_its_size_is_refused() -> None:
    bomb = bytearray(a_zip(sheet=bytes(20 * MEGABYTE)))
    real = (20 * MEGABYTE).to_bytes(4, "little")
    while (at := bomb.find(real)) >= 0:
        bomb[at : at + 4] = (1000).to_bytes(4, "little")

    with pytest.raises(HuichiError):
        read(bytes(bomb), limits=Limits(unpacked=8 * MEGABYTE))


@pytest.mark.parametrize("reference", ["XFD1", "A1048576"])
def test_one_cell_far_away_is_refused_before_space_is_reserved(reference: str) -> None:
    book = Workbook()
    book.worksheets[0]["A1"] = "a"
    book.worksheets[0][reference] = "x"
    target = io.BytesIO()
    book.save(target)

    with pytest.raises(LimitExceeded):
        read(target.getvalue())


def test_a_wide_and_long_rectangle_is_refused_before_space_is_reserved() -> None:
    book = Workbook()
    book.worksheets[0]["GR1"] = "a"
    book.worksheets[0]["A150000"] = "x"
    target = io.BytesIO()
    book.save(target)

    with pytest.raises(LimitExceeded, match="cells"):
        read(target.getvalue())


def test_the_first_visible_sheet_with_anything_is_read() -> None:
    book = Workbook()
    hidden = book.create_sheet("secret", 0)
    hidden["A1"] = "hidden"
    hidden.sheet_state = "hidden"
    shown = book.create_sheet("shown")
    shown.append(["a", "b"])
    shown.append(["1", "2"])
    book.active = 1
    target = io.BytesIO()
    book.save(target)

    assert read(target.getvalue()) == [(2, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("text", ["=1+1", "+8613800001111", "-1", "@x"])
def test_reads_back_what_it_made_safe(text: str) -> None:
    assert read("a,b\n" + f"{escape_formula(text)},x\n") == [(2, {"a": text, "b": "x"})]
