"""Invented Chinese companies, the same in every run: as parties of an ERP and as spreadsheet rows.

The spreadsheet holds some of them again, in other spellings. Names, numbers and people are
invented; credit codes have a valid check character and an area code that no registry assigns.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_CITIES = ("深圳", "上海", "杭州", "广州", "苏州", "成都", "武汉", "南京", "厦门", "宁波")
_FIRST = "云海天星山河晨光远博瑞恒嘉泰诚信智联宏图启明华辰"
_SECOND = "图川禾舟岳澜帆桥翼阳麟森源峰霖锦程航鼎冠"
_TRADES = ("科技", "贸易", "机械", "电子", "物流", "新材料", "医疗器械", "环保", "食品", "信息技术")
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = "伟芳娜敏静磊洋艳勇军杰娟涛明超兰霞平刚桂"
_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)


@dataclass(frozen=True)
class Person:
    """A contact at a company."""

    name: str
    mobile: str
    email: str


@dataclass(frozen=True)
class Company:
    """One invented company."""

    number: int
    name: str
    city: str
    code: str
    phone: str
    email: str
    people: tuple[Person, ...]


def companies(count: int, seed: int = 8) -> list[Company]:
    """Return the first `count` companies; a larger count starts with the same ones."""
    chance = random.Random(seed)  # noqa: S311 # invented data has nothing to hide
    used_words: set[str] = set()
    invented: list[Company] = []
    while len(invented) < count:
        city = chance.choice(_CITIES)
        word = chance.choice(_FIRST) + chance.choice(_SECOND) + chance.choice(_FIRST)
        name = f"{city}{word}{chance.choice(_TRADES)}有限公司"
        if word in used_words:
            continue
        used_words.add(word)
        invented.append(_company(len(invented) + 1, name, city, chance))
    return invented


def _company(number: int, name: str, city: str, chance: random.Random) -> Company:
    people = tuple(
        Person(
            chance.choice(_SURNAMES) + chance.choice(_GIVEN) + chance.choice(_GIVEN),
            f"1{chance.choice('3578')}9{number:04}{index}{chance.randrange(1000):03}",
            f"contact{number}.{index}@example.org",
        )
        for index in range(1 + number % 2)
    )
    return Company(
        number=number,
        name=name,
        city=city,
        code=credit_code(number),
        phone=f"0755-8{number:07}",
        email=f"office{number}@company{number}.example.org",
        people=people,
    )


def credit_code(number: int) -> str:
    """Return a unified social credit code with a valid check character (GB 32100-2015)."""
    body = f"91990000MA{number:07}"
    total = sum(
        _LETTERS.index(letter) * weight for letter, weight in zip(body, _WEIGHTS, strict=True)
    )
    return body + _LETTERS[(31 - total % 31) % 31]


def party(company: Company) -> dict[str, Any]:
    """Return a company as a party of Tryton's RPC."""
    mechanisms: list[dict[str, Any]] = [
        {"type": "phone", "value": company.phone},
        {"type": "email", "value": company.email},
    ]
    for person in company.people:
        mechanisms += [
            {"type": "mobile", "value": person.mobile, "name": person.name},
            {"type": "email", "value": person.email, "name": person.name},
        ]
    return {
        "name": company.name,
        "addresses": [
            ["create", [{"street_unstructured": f"示范路{company.number}号", "city": company.city}]]
        ],
        "contact_mechanisms": [["create", mechanisms]],
        "identifiers": [["create", [{"code": company.code}]]],
    }


HEADERS = ("公司名称", "统一社会信用代码", "电话", "邮箱", "行业", "联系人", "联系人手机", "标签")


def spreadsheet_rows(existing: Sequence[Company], new: Sequence[Company]) -> list[tuple[str, ...]]:
    """Return rows of existing companies in other spellings, of new ones, and two invalid rows."""
    rows = [_respelled(company, variant) for variant, company in enumerate(existing)]
    rows += [
        (
            company.name,
            company.code,
            company.phone,
            company.email,
            "制造业",
            company.people[0].name,
            company.people[0].mobile,
            "展会",
        )
        for company in new
    ]
    first = new[0]
    rows.append(
        (first.name + "二厂", first.code[:-1] + _other(first.code[-1]), "", "", "", "", "", "")
    )
    rows.append(("", "", "0755-80000000", "", "", "", "", "无名"))
    return rows


def _respelled(company: Company, variant: int) -> tuple[str, ...]:
    """Return the row of a company in one of four other spellings."""
    person = company.people[0]
    spaced = f"{company.code[:8].lower()} {company.code[8:].lower()}"
    mobile = f"+86 {person.mobile[:3]}-{person.mobile[3:7]}-{person.mobile[7:]}"
    tags = "老客户;展会"
    match variant % 4:
        case 0:  # the code in lower case with a space, the name with the city in brackets
            name = company.name.replace(company.city, "", 1).replace("有限公司", "")
            name = f"{name}（{company.city}）有限公司"
            return name, spaced, "", "", "制造业", person.name, mobile, tags
        case 1:  # no code; the same telephone number in international form
            phone = "+86 (755) " + company.phone.split("-")[1]
            return company.name, "", phone, "", "批发业", person.name, mobile, tags
        case 2:  # only a name, with another legal form: a person has to decide
            name = company.name.replace("有限公司", "股份有限公司")
            return name, "", "", "", "服务业", "", "", tags
        case _:  # the code, and a name with spaces and full-width letters
            name = f" {company.name[:2]} {company.name[2:]} ".replace("有限公司", "有限責任公司")
            return name, company.code, "", company.email.upper(), "服务业", "", "", tags


def _other(letter: str) -> str:
    return _LETTERS[(_LETTERS.index(letter) + 1) % len(_LETTERS)]
