"""Detect the fields of a table's columns by Chinese or English headers; read rows as records."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from chassis.errors import BadInput, HuichiError
from customers.pool.domain import name as names
from customers.pool.domain.fields import BY_GRAPH_NAME, FIELDS, KINDS, ORGANIZATION, PERSON
from customers.pool.domain.record import ContactRecord, Prepared, SourceRecord, prepare

CONTACT_TARGETS = ("contact.name", "contact.title", "contact.mobile", "contact.email")
TARGETS = (*FIELDS, *CONTACT_TARGETS, "tags", "kind", "external_id")
IGNORE = "ignore"
ERROR_COLUMN = "错误 Error"

_SYNONYMS: Mapping[str, str] = {
    "name": "客户名称 公司名称 企业名称 单位名称 客户 公司 企业 单位 名称 客户全称 公司全称 客户名 "
    "公司名 name company companyname customer customername account accountname organization "
    "organisation",
    "english_name": "英文名称 英文名 公司英文名称 englishname nameen",
    "unified_social_credit_code": "统一社会信用代码 社会信用代码 信用代码 统一信用代码 税号 "
    "纳税人识别号 uscc creditcode unifiedsocialcreditcode socialcreditcode taxid",
    "phone": "电话 联系电话 公司电话 座机 固定电话 固话 联系方式 总机 电话号码 phone telephone tel "
    "phonenumber companyphone landline",
    "mobile": "手机 手机号 手机号码 移动电话 联系手机 mobile mobilephone cell cellphone "
    "mobilenumber",
    "email": "邮箱 电子邮箱 电子邮件 邮件 公司邮箱 邮箱地址 email mail emailaddress",
    "website": "网址 官网 网站 公司网址 website url homepage web",
    "industry": "行业 所属行业 行业类别 industry sector",
    "region": "地区 区域 所在地区 省份 城市 省市 所在城市 所在地 region area city province "
    "location",
    "address": "地址 公司地址 联系地址 详细地址 注册地址 通讯地址 address street",
    "size": "规模 公司规模 人员规模 企业规模 size companysize employees",
    "lifecycle": "生命周期 客户阶段 阶段 客户状态 lifecycle stage status",
    "note": "备注 说明 描述 备注信息 note notes remark remarks description comment comments",
    "person": "联系人 姓名 联系人姓名 主要联系人 客户姓名 contact contactname contactperson person "
    "fullname",
    "contact.title": "职务 职位 联系人职务 岗位 title jobtitle position",
    "contact.mobile": "联系人手机 联系人电话 联系人手机号 contactmobile contactphone",
    "contact.email": "联系人邮箱 contactemail",
    "tags": "标签 客户标签 tag tags label labels",
    "kind": "类型 客户类型 客户类别 kind type customertype",
    "external_id": "客户编号 编号 客户编码 编码 客户id id externalid code customerid customercode "
    "number",
    IGNORE: "错误error",
}
_TARGET_OF = {word: target for target, words in _SYNONYMS.items() for word in words.split()}
_KIND_WORDS = {
    ORGANIZATION: "企业 公司 组织 单位 机构 organization organisation company",
    PERSON: "个人 自然人 person individual",
}
_KIND_OF = {word: kind for kind, words in _KIND_WORDS.items() for word in words.split()}
_STAGE_WORDS = {
    "线索": "LEAD",
    "意向": "PROSPECT",
    "意向客户": "PROSPECT",
    "成交": "ACTIVE",
    "合作": "ACTIVE",
    "合作中": "ACTIVE",
    "活跃": "ACTIVE",
    "休眠": "DORMANT",
    "沉睡": "DORMANT",
    "归档": "ARCHIVED",
    "黑名单": "BLOCKED",
}


@dataclass(frozen=True, slots=True)
class Columns:
    """The target fields by header, the kind of customers, and the columns that identify them."""

    targets: Mapping[str, tuple[str, ...]]
    kind: str
    key_columns: tuple[str, ...] = ()

    def header_of(self, target: str) -> str | None:
        """Return the header of the column that fills a target."""
        return next((header for header, targets in self.targets.items() if target in targets), None)


@dataclass(frozen=True, slots=True)
class CellProblem:
    """One problem of a row, and the header of the column that has it."""

    column: str | None
    problem: HuichiError


def is_header(text: str) -> bool:
    """Check whether a text is a header that such tables use."""
    return _folded(text) in _TARGET_OF


def detect(
    headers: Sequence[str],
    mapping: Mapping[str, str] | None = None,
    kind: str | None = None,
    key_columns: Sequence[str] = (),
) -> Columns:
    """Detect the targets of headers; the user's mapping takes precedence.

    Raises `BadInput` for an unknown column or target, and where no column holds the name.
    """
    for header in [*(mapping or {}), *key_columns]:
        if header not in headers:
            raise BadInput(
                f"There is no column {header[:60]!r}; the file has {', '.join(headers)[:300]}.",
                f"文件中没有列 {header[:60]!r}，现有列：{'、'.join(headers)[:300]}。",
                field="mapping",
            )
    detected = {header: _TARGET_OF.get(_folded(header), IGNORE) for header in headers}
    mapped = {header: target_called(target) for header, target in (mapping or {}).items()}
    unmapped = {target for header, target in detected.items() if header not in mapped}
    has_person = "person" in unmapped
    has_name = "name" in mapped.values() or "name" in unmapped
    default_kind = kind or (ORGANIZATION if has_name or not has_person else PERSON)
    targets: dict[str, tuple[str, ...]] = {}
    filled: set[str] = set(mapped.values())
    has_phone = "phone" in detected.values() or "phone" in filled
    for header in headers:
        if header in mapped:
            header_targets: tuple[str, ...] = (mapped[header],)
        else:
            candidates = _targets_of(
                detected[header], has_name=has_name, has_person=has_person, has_phone=has_phone
            )
            header_targets = tuple(target for target in candidates if target not in filled)
        header_targets = tuple(target for target in header_targets if target != IGNORE)
        filled.update(header_targets)
        targets[header] = header_targets
    if "name" not in filled:
        raise BadInput(
            "No column holds the customer's name; name it in "
            'mapping: [{header: "…", field: "name"}].',
            '未找到客户名称列，请通过 mapping 指定哪一列是名称（field: "name"）。',
            field="mapping",
        )
    return Columns(targets, default_kind, tuple(key_columns))


def target_called(text: str) -> str:
    """Return the target with this name, in either spelling. Raises `BadInput` that lists them."""
    if text in TARGETS or text == IGNORE:
        return text
    if text in BY_GRAPH_NAME:
        return BY_GRAPH_NAME[text].name
    if text == "externalId":
        return "external_id"
    targets = ", ".join([*BY_GRAPH_NAME, *CONTACT_TARGETS, "tags", "kind", "externalId", IGNORE])
    raise BadInput(
        f"A column cannot be mapped to {text[:60]!r}; possible are {targets}.",
        f"列不能映射到 {text[:60]!r}，可用：{targets}。",
        field="mapping",
    )


def _targets_of(
    target: str, *, has_name: bool, has_person: bool, has_phone: bool
) -> tuple[str, ...]:
    """Return the fields that a detected target stands for in this table.

    A mobile beside a contact is the contact's, and the customer's as well if there is no other
    number.
    """
    if target == "person":
        return ("contact.name",) if has_name else ("name",)
    if target == "mobile":
        if not (has_name and has_person):
            return ("phone",)
        return ("contact.mobile",) if has_phone else ("contact.mobile", "phone")
    return (target,)


def _folded(header: str) -> str:
    text = unicodedata.normalize("NFKC", header)
    return names.search_key(re.sub(r"\([^)]*\)|\[[^\]]*\]", "", text))


def record_of(
    cells: Mapping[str, str], lost: Sequence[str], mapping: Columns, observed_at: datetime
) -> Prepared | list[CellProblem]:
    """Read a row as a record that may enter; return all its problems where it may not.

    `lost` are the headers of cells whose number has lost digits.
    """
    problems = _lost_digits(lost, mapping)
    by_target = {
        target: cells[header]
        for header, targets in mapping.targets.items()
        for target in targets
        if header in cells and header not in lost
    }
    try:
        kind = _kind_of(by_target.get("kind"), mapping.kind)
    except BadInput as problem:
        return [*problems, CellProblem(mapping.header_of("kind"), problem)]
    record = _source_record(by_target, kind, observed_at)
    if "name" not in record.fields:
        missing = BadInput(
            "name is missing; every customer has one.", "缺少客户名称。", field="name"
        )
        problems.append(CellProblem(mapping.header_of("name"), missing))
    prepared = prepare(record)
    if isinstance(prepared, list):
        return problems + [
            CellProblem(_column_of(problem, mapping), problem) for problem in prepared
        ]
    if problems:
        return problems
    return replace(prepared, external_id=_external_id(cells, by_target, prepared, mapping))


def _lost_digits(lost: Sequence[str], mapping: Columns) -> list[CellProblem]:
    return [
        CellProblem(
            header,
            BadInput(
                "The spreadsheet program has rounded the last digits of this number away; format "
                "the column as text and type it again.",
                "该数字的末几位已被表格软件舍入，请将该列设为文本格式后重新填写。",
                field=mapping.targets[header][0],
            ),
        )
        for header in lost
        if mapping.targets.get(header)
    ]


def _source_record(by_target: Mapping[str, str], kind: str, observed_at: datetime) -> SourceRecord:
    fields: dict[str, str] = {
        target: value for target, value in by_target.items() if target in FIELDS
    }
    if stage := fields.get("lifecycle"):
        fields["lifecycle"] = _STAGE_WORDS.get(stage.strip(), stage)
    return SourceRecord(
        external_id="row",
        kind=kind,
        observed_at=observed_at,
        fields=fields,
        complete=False,
        contacts=_contacts(by_target),
        tags=[tag for tag in re.split(r"[,，;；、|/]", by_target.get("tags", "")) if tag.strip()],
    )


def _kind_of(text: str | None, default: str) -> str:
    if not text:
        return default
    kind = _KIND_OF.get(_folded(text)) or (text.upper() if text.upper() in KINDS else None)
    if kind is None:
        raise BadInput(
            "The type must be 企业 (organization) or 个人 (person).",
            "类型只能是“企业”或“个人”。",
            field="kind",
        )
    return kind


def _contacts(by_target: Mapping[str, str]) -> list[ContactRecord]:
    values = [by_target.get(target) for target in CONTACT_TARGETS]
    name, title, mobile, email = values
    return [ContactRecord("", name, title, mobile, email)] if name or mobile or email else []


def _column_of(problem: HuichiError, mapping: Columns) -> str | None:
    field = problem.field or ""
    target = re.sub(r"^contacts\.\d+", "contact", field.removeprefix("fields."))
    return mapping.header_of(target)


def _external_id(
    cells: Mapping[str, str], by_target: Mapping[str, str], record: Prepared, mapping: Columns
) -> str:
    """Return the external id of a row.

    It is made of the key columns; else of the table's own id; else of what identifies the customer:
    the credit code, or the name (for a person with a number or address, since people share names).
    """
    if mapping.key_columns:
        return "key:" + _hash([cells.get(column, "") for column in mapping.key_columns])
    if own := by_target.get("external_id"):
        return f"id:{own}"
    values = record.values
    if code := values.get("unified_social_credit_code"):
        return f"code:{code}"
    key = names.search_key(values.get("name") or "")
    if record.kind == PERSON:
        return "person:" + _hash([key, values.get("phone") or values.get("email") or ""])
    return "name:" + _hash([key])


def _hash(parts: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
