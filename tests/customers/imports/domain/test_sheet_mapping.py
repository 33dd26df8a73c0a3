"""Headers of strangers' tables, and their rows as records."""

from __future__ import annotations

import pytest

from chassis.errors import BadInput
from customers.imports.domain.sheet_mapping import detect, is_header, record_of
from customers.pool.domain.record import Prepared
from tests.customers.making import MONDAY, a_code


def row(cells: dict[str, str], lost: list[str] | None = None, **more):  # type: ignore[no-untyped-def]
    return record_of(cells, lost or [], detect(list(cells), **more), MONDAY)


def test_chinese_and_english_headers_mean_the_same() -> None:
    chinese = detect(
        ["*客户名称（必填）", "统一社会信用代码", "联系电话", "电子邮箱", "行业", "地区", "标签"]
    )
    english = detect(["Company Name", "USCC", "Phone", "E-mail", "Industry", "Region", "Tags"])

    assert list(chinese.targets.values()) == list(english.targets.values())
    assert chinese.kind == "ORGANIZATION"
    assert is_header("客户名称")
    assert not is_header("华宁科技")


def test_a_mobile_beside_a_contact_is_the_contacts_and_the_customers_if_it_has_no_other() -> None:
    only = detect(["公司名称", "联系人", "手机"])
    both = detect(["公司名称", "联系人", "手机", "电话"])
    person = detect(["姓名", "手机"])

    assert only.targets["手机"] == ("contact.mobile", "phone")
    assert both.targets["手机"] == ("contact.mobile",)
    assert person.kind == "PERSON"
    assert person.targets == {"姓名": ("name",), "手机": ("phone",)}


def test_a_mapping_by_hand_wins() -> None:
    found = detect(["甲", "客户名称", "电话"], {"甲": "name", "电话": "ignore"})

    assert found.targets == {"甲": ("name",), "客户名称": (), "电话": ()}


@pytest.mark.parametrize(
    ("headers", "given", "says"),
    [
        (["电话"], {}, "No column holds"),
        (["名称"], {"没有": "name"}, "no column"),
        (["名称"], {"名称": "nonsense"}, "cannot be mapped"),
    ],
)
def test_says_what_is_wrong_with_a_mapping(headers: list, given: dict, says: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(BadInput, match=says):
        detect(headers, given)


def test_a_row_becomes_a_record() -> None:
    found = row(
        {
            "公司名称": "华宁科技",
            "信用代码": a_code(1),
            "联系人": "张三",
            "手机": "138-0000-0001",
            "标签": "重点、华北",
            "客户状态": "合作中",
        }
    )

    assert isinstance(found, Prepared)
    assert found.values["phone"] == "+8613800000001"
    assert found.values["lifecycle"] == "ACTIVE"
    assert found.contacts[0].name == "张三"
    assert found.tags == ("华北", "重点")
    assert found.external_id == f"code:{a_code(1)}"
    assert not found.complete


def test_a_row_is_known_by_chosen_columns_its_own_id_or_what_identifies_it() -> None:
    cells = {"客户名称": "华宁", "编号": "7", "x": "y"}

    assert row(cells).external_id == "id:7"
    assert row(cells, key_columns=["x"]).external_id.startswith("key:")
    assert (
        row({"客户名称": "华宁 "}).external_id
        == row({"客户名称": "华 宁", "地区": "北京"}).external_id
    )
    one, other = ({"姓名": "张伟", "手机": f"1380000000{n}"} for n in (1, 2))
    assert row(one).external_id != row(other).external_id


def test_everything_wrong_in_a_row_is_said_at_once_with_its_column() -> None:
    found = row(
        {"客户名称": "华宁", "信用代码": "9.11E+17", "电话": "123", "邮箱": "x", "类型": "火星"},
    )
    assert [wrong.column for wrong in found] == ["类型"]

    found = row(
        {"客户名称": "华宁", "信用代码": "9.11E+17", "电话": "123", "邮箱": "x"}, ["信用代码"]
    )
    assert {wrong.column for wrong in found} == {"信用代码", "电话", "邮箱"}
    assert "rounded" in found[0].problem.en
