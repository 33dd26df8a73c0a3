"""The Tryton connector against a real Tryton 8.2 on SQLite."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.connectors import installed
from integrations.contract import Access, Cursor, Failure, Page
from integrations.rest.limits import NoBudget
from onebox.demo import tryton
from onebox.demo.companies import companies, party
from onebox.demo.tryton import Tryton
from tests.integrations.house import House
from tests.integrations.pool import FakePool

COUNT = 120


@pytest.fixture(scope="module")
def erp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tryton]:
    folder: Path = tmp_path_factory.mktemp("tryton")
    with tryton.running(folder, say=lambda _: None) as server:
        server.create_parties([party(each) for each in companies(COUNT)])
        yield server


def configuration(erp: Tryton, **more: Any) -> dict[str, Any]:
    return {"url": erp.url, "database": erp.database, "page_size": 50} | more


def credentials(erp: Tryton) -> dict[str, str]:
    return {"username": erp.username, "password": erp.password}


def access(erp: Tryton, **more: str) -> Access:
    return Access(credentials(erp) | more, NoBudget(), allow_private_hosts=True)


def read(erp: Tryton, cursor: Cursor | None = None, **more: str) -> list[Page]:
    connector = installed()["tryton"].open(configuration(erp))
    stream = connector.spec.streams[0]
    return list(connector.pages(access(erp, **more), stream, cursor or Cursor()))


def test_reads_every_party_once_in_pages(erp: Tryton) -> None:
    pages = read(erp)

    ids = [record["id"] for page in pages for record in page.records]
    assert [len(page.records) for page in pages] == [50, 50, COUNT - 100]
    assert len(ids) == len(set(ids)) == COUNT == pages[-1].total
    assert pages[-1].next is None


def test_goes_on_from_any_position(erp: Tryton) -> None:
    pages = read(erp)

    rest = read(erp, Cursor(position=pages[0].next))

    assert [page.records for page in rest] == [page.records for page in pages[1:]]


def test_maps_a_party_with_its_people_code_and_address(erp: Tryton) -> None:
    company = companies(2)[1]
    connector = installed()["tryton"].open(configuration(erp))
    raw = read(erp)[0].records[1]

    record = connector.record(connector.spec.streams[0], raw)

    assert record.fields == {
        "name": company.name,
        "unified_social_credit_code": company.code,
        "phone": company.phone,
        "email": company.email,
        "region": company.city,
        "address": f"示范路{company.number}号 {company.city}",
    }
    assert len(record.contacts) == 1
    (contact,) = record.contacts
    (person,) = company.people
    assert dataclasses.asdict(contact) | {"external_id": ""} == {
        "external_id": "",
        "name": person.name,
        "title": None,
        "mobile": "+86" + person.mobile,
        "email": person.email,
    }
    assert record.observed_at is not None


def test_an_edit_of_a_contact_is_a_change_of_its_party(erp: Tryton) -> None:
    before = read(erp)[-1].watermark
    mechanism = read(erp)[0].records[4]["mechanisms"][0]["id"]

    erp.call("model.party.contact_mechanism.write", [mechanism], {"value": "0755-89999999"})

    # No overlap in this test: the other parties were created a moment ago.
    changed = _changed_since(erp, before)
    assert [record["id"] for record in changed] == [read(erp)[0].records[4]["id"]]
    assert changed[0]["mechanisms"][0]["value"] == "0755-89999999"


def test_a_party_that_was_put_out_of_use_comes_as_deleted(erp: Tryton) -> None:
    connector = installed()["tryton"].open(configuration(erp))
    (id,) = erp.create_parties([{"name": "短期往来有限公司"}])

    erp.write(id, {"active": False})

    raw = next(r for page in read(erp) for r in page.records if r["id"] == id)
    assert connector.record(connector.spec.streams[0], raw).deleted is True
    erp.call("model.party.party.delete", [id])


@pytest.mark.parametrize(
    ("changes", "password", "code"),
    [
        ({}, "wrong", "SIGN_IN_REFUSED"),
        ({"database": "nowhere"}, None, "NO_DATABASE"),
    ],
)
def test_says_what_is_wrong_and_what_would_mend_it(
    erp: Tryton, changes: dict[str, Any], password: str | None, code: str
) -> None:
    connector = installed()["tryton"].open(configuration(erp, **changes))
    way_in = access(erp, **({"password": password} if password else {}))

    with pytest.raises(Failure) as failed:
        next(connector.pages(way_in, connector.spec.streams[0], Cursor()))

    assert failed.value.code == code
    assert failed.value.fix_en
    assert failed.value.fix_zh
    # A refused login is counted by the server and must not be repeated.
    assert way_in.calls == 1


def test_a_session_that_ended_is_renewed(erp: Tryton) -> None:
    from integrations.connectors.tryton.client import Tryton as Caller
    from integrations.rest.egress import Egress

    caller = Caller(access(erp), Egress(erp.url, allow_private_hosts=True), erp.database)
    caller.call("model.party.party.search_count", [])
    caller._session = "bm9ib2R5OjE6bm90aGluZw=="

    assert caller.call("model.party.party.search_count", []) == COUNT


def test_a_run_a_second_run_and_an_edit(erp: Tryton, house: House, pool: FakePool) -> None:
    id = house.install("tryton", configuration(erp), credentials(erp))

    first = house.sync(id)
    second = house.sync(id)
    erp.write(int(erp.parties()[companies(1)[0].name]), {"name": "改名后的示例有限公司"})
    third = house.sync(id)

    assert (first.status, first.created, first.pages) == ("SUCCEEDED", COUNT, 3)
    assert (second.status, second.created, second.updated) == ("SUCCEEDED", 0, 0)
    assert (third.status, third.updated, len(pool.updated)) == ("SUCCEEDED", 1, 1)
    assert pool.customers[pool.updated[0]]["fields"]["name"] == "改名后的示例有限公司"


def _changed_since(erp: Tryton, watermark: Any) -> list[dict[str, Any]]:
    connector = installed()["tryton"].open(configuration(erp))
    stream = connector.spec.streams[0]
    exact = dataclasses.replace(
        stream, cursor=dataclasses.replace(stream.cursor, overlap_seconds=0)
    )
    pages = connector.pages(access(erp), exact, Cursor(since=watermark))
    return [record for page in pages for record in page.records]
