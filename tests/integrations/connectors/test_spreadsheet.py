"""The spreadsheet connector: files of a folder or an address, row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integrations.connectors import installed
from integrations.contract import Access, Cursor, Failure, Page, Skip
from integrations.rest.limits import NoBudget
from onebox.demo.sheet import write
from tests.integrations.house import a_house, settings
from tests.integrations.pool import FakePool

CONFIGURATION: dict[str, Any] = {
    "file": "partners.csv",
    "key": ["编号"],
    "columns": {"name": "公司名称", "phone": "电话"},
    "contact": {"name": "联系人", "mobile": "手机"},
    "tags": "标签",
}
CSV = """编号,公司名称,电话,联系人,手机,标签
1,甲公司,0755-1234567,张伟,13800138000,老客户;展会
1,,,李娜,13900139000,
2,乙公司,,,,
"""


def access(folder: Path | None, **more: Any) -> Access:
    return Access({}, NoBudget(), spreadsheet_folder=str(folder) if folder else None, **more)


def read(folder: Path | None, cursor: Cursor | None = None, **changes: Any) -> list[Page]:
    connector = installed()["spreadsheet"].open(CONFIGURATION | changes)
    stream = connector.spec.streams[0]
    return list(connector.pages(access(folder), stream, cursor or Cursor()))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "partners.csv").write_text(CSV, "utf-8")
    return tmp_path


def test_rows_of_one_key_are_one_customer_with_several_people(folder: Path) -> None:
    connector = installed()["spreadsheet"].open(CONFIGURATION)
    (page,) = read(folder)

    first, second = (connector.record(connector.spec.streams[0], raw) for raw in page.records)

    assert first.fields == {"name": "甲公司", "phone": "0755-1234567"}
    assert [(each.name, each.mobile) for each in first.contacts] == [
        ("张伟", "13800138000"),
        ("李娜", "13900139000"),
    ]
    assert first.tags == ("老客户", "展会")
    assert (second.external_id, second.contacts) == ("2", ())


def test_pages_go_on_from_any_position(tmp_path: Path) -> None:
    write(tmp_path / "partners.csv", [])  # an .xlsx under another name is read as what it is
    rows = "".join(f"{n},公司{n},,,,\n" for n in range(1200))
    (tmp_path / "partners.csv").write_text("编号,公司名称,电话,联系人,手机,标签\n" + rows, "utf-8")

    pages = read(tmp_path)
    rest = read(tmp_path, Cursor(position=pages[0].next))

    assert [len(page.records) for page in pages] == [500, 500, 200]
    assert [page.records for page in rest] == [page.records for page in pages[1:]]


def test_a_file_that_was_changed_in_between_is_not_read_on(tmp_path: Path) -> None:
    rows = "".join(f"{n},公司{n},,,,\n" for n in range(600))
    path = tmp_path / "partners.csv"
    path.write_text("编号,公司名称,电话,联系人,手机,标签\n" + rows, "utf-8")
    position = read(tmp_path)[0].next
    path.write_text(CSV, "utf-8")

    with pytest.raises(Failure) as failed:
        read(tmp_path, Cursor(position=position))

    assert failed.value.code == "FILE_CHANGED"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"file": "../secret.csv"}, "NO_FILE", "allowed folder"),
        ({"file": "/etc/passwd"}, "NO_FILE", "allowed folder"),
        ({"file": "link.csv"}, "NO_FILE", "allowed folder"),
        ({"columns": {"name": "名字"}}, "NO_COLUMN", "公司名称"),
    ],
)
def test_says_what_is_wrong(
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    changes: dict[str, Any],
    code: str,
    words: str,
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.csv"
    outside.write_text(CSV, "utf-8")
    (folder / "link.csv").symlink_to(outside)

    with pytest.raises(Failure) as failed:
        read(folder, **changes)

    assert failed.value.code == code
    assert words in failed.value.en


def test_no_folder_allowed_means_no_file(folder: Path) -> None:
    with pytest.raises(Failure) as failed:
        read(None)

    assert failed.value.code == "NO_FOLDER"


def test_an_address_without_tls_is_refused_unless_private_hosts_are_allowed() -> None:
    configuration = {key: value for key, value in CONFIGURATION.items() if key != "file"}
    connector = installed()["spreadsheet"].open(
        configuration | {"url": "http://files.example/x.csv"}
    )

    with pytest.raises(Failure) as failed:
        next(connector.pages(access(None), connector.spec.streams[0], Cursor()))

    assert failed.value.code == "NOT_HTTPS"


def test_a_key_that_lost_its_digits_is_left_aside(tmp_path: Path) -> None:
    (tmp_path / "partners.csv").write_text(
        "编号,公司名称,电话,联系人,手机,标签\n9.11E+17,甲公司,,,,\n", "utf-8"
    )
    connector = installed()["spreadsheet"].open(CONFIGURATION)
    ((raw,),) = [page.records for page in read(tmp_path)]

    with pytest.raises(Skip) as skipped:
        connector.record(connector.spec.streams[0], raw)

    assert skipped.value.code == "LOST_DIGITS"


def test_what_is_no_longer_listed_is_deleted_only_when_that_can_be_believed(
    folder: Path, url: str, empty_redis: str, pool_url: str, pool: FakePool
) -> None:
    head = "编号,公司名称,电话,联系人,手机,标签\n"
    path = folder / "partners.csv"
    with a_house(settings(url, empty_redis, pool_url, spreadsheet_folder=str(folder))) as house:
        id = house.install("spreadsheet", CONFIGURATION | {"absent": "delete"})
        runs = []
        for listed in (range(10), range(8), range(1), range(10)):
            path.write_text(head + "".join(f"{n},公司{n},,,,\n" for n in listed), "utf-8")
            runs.append(house.sync(id))

        deleted = house.all("SELECT external_id FROM source_record WHERE deleted")

    assert [(run.status, run.deleted) for run in runs] == [
        ("SUCCEEDED", 0),
        ("SUCCEEDED", 2),
        ("PARTIAL", 0),
        ("SUCCEEDED", 0),
    ]
    assert runs[2].error_code == "TOO_MUCH_ABSENT"
    assert deleted == []
    assert runs[3].updated == 2
