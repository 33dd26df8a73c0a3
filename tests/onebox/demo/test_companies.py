"""The invented companies are the same every time, and wrong only where they are meant to be."""

from __future__ import annotations

from pathlib import Path

from chassis.spreadsheet import reading as spreadsheet
from onebox.demo.companies import (
    HEADERS,
    companies,
    credit_code,
    party,
    spreadsheet_rows,
)
from onebox.demo.sheet import write


def test_the_same_companies_come_every_time_and_more_begin_with_the_same() -> None:
    assert companies(50) == companies(80)[:50]


def test_no_two_companies_share_a_name_a_code_or_a_number() -> None:
    found = companies(800)

    for what in ("name", "code", "phone", "email"):
        assert len({getattr(company, what) for company in found}) == 800
    mobiles = [person.mobile for company in found for person in company.people]
    assert len(set(mobiles)) == len(mobiles)


def test_check_letters_are_right() -> None:
    # GB 32100-2015: the weighted sum of all eighteen places is a multiple of 31.
    letters = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    for number in range(1, 300):
        values = [letters.index(letter) for letter in credit_code(number)]
        weights = [pow(3, place, 31) for place in range(17)] + [1]
        assert sum(v * w for v, w in zip(values, weights, strict=True)) % 31 == 0


def test_a_party_names_each_person_on_their_own_mechanisms() -> None:
    company = companies(1)[0]

    (_, mechanisms), *_ = party(company)["contact_mechanisms"]

    named = [each["name"] for each in mechanisms if "name" in each]
    assert named == [person.name for person in company.people for _ in range(2)]


def test_the_sheet_has_known_companies_again_new_ones_and_two_wrong_rows(tmp_path: Path) -> None:
    everybody = companies(20)
    file = write(tmp_path / "partners.xlsx", spreadsheet_rows(everybody[:12], everybody[12:]))

    found = spreadsheet.read(file.read_bytes(), file.name)
    cells = [row for _, row in found]

    assert found.headers == HEADERS
    assert len(cells) == 12 + 8 + 2
    assert not {row.get("公司名称") for row in cells[:12:4]} & {one.name for one in everybody}
